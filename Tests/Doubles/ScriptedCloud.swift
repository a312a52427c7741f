package import LinuxIO
package import PodVMLifecycle

/// A cloud in memory, whose every answer can be written before.
package final class ScriptedCloud: CloudProvider {
    package enum Call: Hashable, Sendable {
        case create
        case provision
        case delete
        case list
        case deleteLeftover
    }

    private struct State {
        var machines: [InstanceID: InstanceSpec] = [:]
        var deleted: [InstanceID] = []
        var created: [InstanceSpec] = []
    }

    private let state = Lock(State())
    package let calls = CallCounter<Call>()
    /// Errors of `provisioning` after which the VM is replaced, instead of the creation's failure.
    package let replacing = Lock<Set<ProviderError.Code>>([])
    /// The events that a creation reports before it does anything, one after the other.
    package let announced = Lock<[CreationEvent]>([])
    /// What its calls do, instead of what they are asked.
    package let creation = Script([], whenCancelled: ProviderError.gaveUp)
    package let provisioning = Script([], whenCancelled: ProviderError.gaveUp)
    package let watching = Script([], whenCancelled: ProviderError.gaveUp)
    package let deletion = Script([], whenCancelled: ProviderError.gaveUp)
    package let listing = Script([], whenCancelled: ProviderError.gaveUp)

    /// Why no pod may have what it asks for; nil: it may.
    package let refusal = Lock<ProviderError?>(nil)

    /// Where it creates and finds VMs.
    package let scope: CloudScope
    /// How long after a crash a request may still create a VM.
    package let lateRequestTime: Duration
    /// Resources without a VM; a deletion removes them.
    package let remains = Lock<[Leftover]>([])

    package init(scope: CloudScope = .none, lateRequestTime: Duration = .zero) {
        self.scope = scope
        self.lateRequestTime = lateRequestTime
    }

    /// The VMs that there are.
    package var machines: Set<InstanceID> { state.withLock { Set($0.machines.keys) } }
    /// Puts a VM there that no call asked for.
    package func place(_ spec: InstanceSpec) { state.withLock { $0.machines[spec.name] = spec } }

    /// What was asked for, in order.
    package var created: [InstanceSpec] { state.withLock { $0.created } }
    /// The names whose deletion was carried out, in order.
    package var deleted: [InstanceID] { state.withLock { $0.deleted } }

    package func check(_ requirements: Requirements) throws(ProviderError) {
        if let refusal = refusal.withLock({ $0 }) { throw refusal }
    }

    package func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation {
        ScriptedCreation(cloud: self, spec: spec)
    }

    /// Puts the VM there, if the script lets it.
    fileprivate func create(_ spec: InstanceSpec) async throws(ProviderError) -> Instance {
        calls.count(.create)
        return try await creation.play {
            state.withLock { state in
                state.machines[spec.name] = spec
                state.created.append(spec)
            }
            return Instance(id: spec.name, addresses: ["10.0.0.4"])
        }
    }

    /// Ends when the VM is provisioned, by the script.
    fileprivate func provision() async throws(ProviderError) {
        calls.count(.provision)
        try await provisioning.play {}
    }

    package func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        calls.count(.delete)
        try await deletion.play {
            state.withLock { state in
                state.machines[id] = nil
                state.deleted.append(id)
            }
        }
    }

    package func leftovers() async throws(ProviderError) -> [Leftover] { remains.withLock { $0 } }

    package func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {
        calls.count(.deleteLeftover)
        remains.withLock { $0.removeAll { $0 == leftover } }
    }

    package func instances() async throws(ProviderError) -> [ListedInstance] {
        calls.count(.list)
        return try await listing.play {
            state.withLock { $0.machines.map { ListedInstance(id: $0.key, tags: $0.value.tags) } }
        }
    }
}

/// The creation of one VM in a scripted cloud.
private final class ScriptedCreation: InstanceCreation {
    private enum Stage { case new, created, provisioned }

    let cloud: ScriptedCloud
    let spec: InstanceSpec
    private let stage = Lock(Stage.new)

    init(cloud: ScriptedCloud, spec: InstanceSpec) {
        self.cloud = cloud
        self.spec = spec
    }

    func next() async -> CreationEvent {
        if let event = cloud.announced.withLock({ $0.isEmpty ? nil : $0.removeFirst() }) { return event }
        do throws(ProviderError) {
            switch stage.withLock({ $0 }) {
            case .new:
                let instance = try await cloud.create(spec)
                stage.withLock { $0 = .created }
                return .addressKnown(instance)
            case .created:
                try await cloud.provision()
                stage.withLock { $0 = .provisioned }
                return .provisioned
            case .provisioned:
                try await cloud.watching.play {}
                // There are no more events.
                await Event().wait()
                return .failed(.gaveUp)
            }
        } catch {
            guard cloud.replacing.withLock({ $0.contains(error.code) }) else { return .failed(error) }
            stage.withLock { $0 = .new }
            return .replaced(error)
        }
    }
}

extension ProviderError {
    /// What a cancelled call throws.
    package static let gaveUp = ProviderError(.cancelled, .retry(after: .zero), during: "a scripted call")
    /// An account without room for another VM.
    package static let quota = ProviderError(
        .quotaExceeded, .giveUp, during: "PUT virtualMachines", "QuotaExceeded: 0 of 8 cores left (request id 42)")
    /// A cloud that does not answer.
    package static let unreachable = ProviderError(.unreachable, .retry(after: .zero), during: "a scripted call")
    /// A VM whose tags do not name the sandbox.
    package static let foreign = ProviderError(
        .foreign, .giveUp, during: "a scripted call", "the VM's tags name another owner")
}
