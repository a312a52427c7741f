package import LinuxIO
package import PodVMLifecycle

/// A cloud in memory, whose every answer can be written before.
package final class ScriptedCloud: CloudProvider {
    package enum Call: Hashable, Sendable {
        case create
        case awaitProvisioned
        case delete
        case list
    }

    private struct State {
        var machines: [InstanceID: InstanceSpec] = [:]
        var deleted: [InstanceID] = []
        var created: [InstanceSpec] = []
    }

    private let state = Lock(State())
    package let calls = CallCounter<Call>()
    /// What its calls do, instead of what they are asked.
    package let creation = Script([], whenCancelled: ProviderError.gaveUp)
    package let provisioning = Script([], whenCancelled: ProviderError.gaveUp)
    package let watching = Script([], whenCancelled: ProviderError.gaveUp)
    package let deletion = Script([], whenCancelled: ProviderError.gaveUp)
    package let listing = Script([], whenCancelled: ProviderError.gaveUp)

    /// Why no pod may have what it asks for; nil: it may.
    package let refusal = Lock<ProviderError?>(nil)

    package init() {}

    /// The VMs that there are.
    package var machines: Set<InstanceID> { state.withLock { Set($0.machines.keys) } }
    /// Puts a VM there that nobody here asked for.
    package func place(_ spec: InstanceSpec) { state.withLock { $0.machines[spec.name] = spec } }

    /// What was asked for, in order.
    package var created: [InstanceSpec] { state.withLock { $0.created } }
    /// The names whose deletion was carried out, in order.
    package var deleted: [InstanceID] { state.withLock { $0.deleted } }

    package func check(_ requirements: Requirements) throws(ProviderError) {
        if let refusal = refusal.withLock({ $0 }) { throw refusal }
    }

    package func createInstance(
        for sandbox: SandboxID, from spec: InstanceSpec
    ) async throws(ProviderError) -> Instance {
        calls.count(.create)
        return try await creation.play {
            state.withLock { state in
                state.machines[spec.name] = spec
                state.created.append(spec)
            }
            return Instance(id: spec.name, addresses: ["10.0.0.4"])
        }
    }

    package func awaitProvisioned(_ instance: Instance) async throws(ProviderError) {
        calls.count(.awaitProvisioned)
        try await provisioning.play {}
    }

    package func watch(_ instance: Instance) async throws(ProviderError) { try await watching.play {} }

    package func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        calls.count(.delete)
        try await deletion.play {
            state.withLock { state in
                state.machines[id] = nil
                state.deleted.append(id)
            }
        }
    }

    package func instances() async throws(ProviderError) -> [ListedInstance] {
        calls.count(.list)
        return try await listing.play {
            state.withLock { $0.machines.map { ListedInstance(id: $0.key, tags: $0.value.tags) } }
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
}
