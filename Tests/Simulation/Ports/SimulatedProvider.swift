internal import LinuxIO
internal import PodVMLifecycle

/// The cloud of one simulated process.
struct SimulatedProvider: CloudProvider {
    /// A request of a process that has crashed takes effect within that time.
    static let lateRequestTime = Duration.seconds(10)

    let world: World
    let process: Int

    var lateRequestTime: Duration { Self.lateRequestTime }

    func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation {
        SimulatedCreation(world: world, process: process, sandbox: sandbox, spec: spec)
    }

    func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        try await world.perform(of: process) { state, ending -> Result<Void, ProviderError> in
            if ending == .crashed, state.inject(.lateDeletion, 30) {
                state.makeLate { _ = $0.deleteVM(id, of: sandbox) }
                return .failure(.cancelled)
            }
            let outcome = state.outcomeOfRequest(ending)
            let isForeign = outcome.takesEffect && !state.deleteVM(id, of: sandbox)
            guard let error = isForeign ? .foreign : outcome.error else { return .success(()) }
            state.note(.vmNotDeleted, state.pod(of: sandbox))
            return .failure(error)
        }.get()
    }

    func instances() async throws(ProviderError) -> [ListedInstance] {
        // The cloud makes its answer at a moment between the request and the end of the call.
        let early = world.withState { $0.cloud.list }
        return try await world.perform(of: process) { state, ending -> Result<[ListedInstance], ProviderError> in
            let outcome = state.outcomeOfRequest(ending)
            if let error = outcome.error {
                if state.isFaulty { state.count(.listFailed) }
                state.note(.notListed, process)
                return .failure(error)
            }
            state.note(.listed, process)
            return .success(state.inject(.staleList, 30) ? early : state.cloud.list)
        }.get()
    }

    func leftovers() async throws(ProviderError) -> [Leftover] {
        let early = world.withState { $0.cloud.leftovers.map(\.leftover) }
        return try await world.perform(of: process) { state, ending -> Result<[Leftover], ProviderError> in
            if let error = state.outcomeOfRequest(ending).error { return .failure(error) }
            return .success(state.inject(.staleList, 30) ? early : state.cloud.leftovers.map(\.leftover))
        }.get()
    }

    func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {
        try await world.perform(of: process) { state, ending -> Result<Void, ProviderError> in
            let outcome = state.outcomeOfRequest(ending)
            let isForeign = outcome.takesEffect && !state.delete(leftover)
            guard let error = isForeign ? .foreign : outcome.error else { return .success(()) }
            return .failure(error)
        }.get()
    }
}

extension SimulatedCloud {
    /// The list that the cloud answers with: all VMs that could belong to the node.
    fileprivate var list: [ListedInstance] {
        vms.map { ListedInstance(id: $0.name, tags: $0.tags, vmID: String($0.serial)) }
    }
}

/// What becomes of a request.
struct RequestOutcome {
    let takesEffect: Bool
    let error: ProviderError?
}

extension WorldState {
    /// A request of a process that has crashed takes effect later, while the next processes run.
    mutating func makeLate(_ apply: @escaping (inout WorldState) -> Void) {
        let limit = Int(SimulatedProvider.lateRequestTime / .milliseconds(1))
        lateRequests.append(LateRequest(due: time + .milliseconds(random.below(limit)), apply: apply))
    }

    mutating func outcomeOfRequest(_ ending: Ending) -> RequestOutcome {
        switch ending {
        case .dead: return RequestOutcome(takesEffect: false, error: .cancelled)
        case .crashed, .cancelled: return RequestOutcome(takesEffect: random.chance(50), error: .cancelled)
        case .completed: break
        }
        guard inject(.throttled, cloud.faultPercent) else { return RequestOutcome(takesEffect: true, error: nil) }
        switch random.below(4) {
        case 0: return RequestOutcome(takesEffect: false, error: .throttled)
        case 1:
            count(.requestLost)
            return RequestOutcome(takesEffect: false, error: .unreachable)
        case 2:
            count(.answerLost)
            return RequestOutcome(takesEffect: true, error: .unreachable)
        default:
            count(.refused)
            return RequestOutcome(takesEffect: false, error: .refused)
        }
    }
}

/// The creation of one VM.
final class SimulatedCreation: InstanceCreation {
    private enum Stage { case new, created, provisioned }

    private let world: World
    private let process: Int
    private let sandbox: SandboxID
    private let spec: InstanceSpec
    private let stage = Lock(Stage.new)

    init(world: World, process: Int, sandbox: SandboxID, spec: InstanceSpec) {
        self.world = world
        self.process = process
        self.sandbox = sandbox
        self.spec = spec
    }

    func next() async -> CreationEvent {
        let event =
            switch stage.withLock({ $0 }) {
            case .new: await request()
            case .created: await provision()
            case .provisioned: await watch()
            }
        stage.withLock { stage in
            switch event {
            case .addressKnown: stage = .created
            case .provisioned: stage = .provisioned
            case .replaced: stage = .new
            case .failed, .trying, .refused: break
            }
        }
        return event
    }

    private func request() async -> CreationEvent {
        world.withState { $0.checkCreation(of: sandbox) }
        return await world.perform(of: process) { [spec, sandbox] state, ending in
            if ending == .crashed, state.inject(.lateCreation, 40) {
                state.makeLate { _ = $0.createVM(spec, for: sandbox, isLate: true) }
                return .failed(.cancelled)
            }
            let outcome = state.outcomeOfRequest(ending)
            let serial = outcome.takesEffect ? state.createVM(spec, for: sandbox) : nil
            if let error = outcome.error { return .failed(error) }
            guard let serial else {
                state.note(.vmNotCreated, state.pod(of: sandbox))
                return .failed(.refused)
            }
            return .addressKnown(Instance(id: spec.name, addresses: ["10.0.0.4"], vmID: String(serial)))
        }
    }

    private func provision() async -> CreationEvent {
        await world.perform(of: process) { [spec, sandbox] state, ending in
            guard ending == .completed else { return .failed(.cancelled) }
            // A VM whose agent has answered does not fail to boot.
            if !state.node.tunnels.contains(sandbox), let index = state.cloud.index(named: spec.name, of: sandbox) {
                let isFailing = state.inject(.provisioningFailed, state.cloud.faultPercent)
                if isFailing || state.inject(.replacement, state.cloud.faultPercent / 2) {
                    state.cloud.vms[index].isBroken = true
                    state.note(isFailing ? .vmNotCreated : .vmReplaced, state.pod(of: sandbox))
                    return isFailing ? .failed(.failedToBoot) : .replaced(.failedToBoot)
                }
            }
            state.note(.vmProvisioned, state.pod(of: sandbox))
            return .provisioned
        }
    }

    private func watch() async -> CreationEvent {
        await world.perform(of: process, .vmGone(spec.name)) { _, ending in
            .failed(ending == .completed ? .failedToBoot : .cancelled)
        }
    }
}

extension ProviderError {
    fileprivate static let cancelled = ProviderError(.cancelled, .retry(after: .zero), during: "a request")
    fileprivate static let throttled = ProviderError(.throttled, .retry(after: .seconds(5)), during: "a request")
    fileprivate static let unreachable = ProviderError(.unreachable, .retry(after: .zero), during: "a request")
    fileprivate static let refused = ProviderError(.rejected, .giveUp, during: "a request")
    fileprivate static let foreign = ProviderError(.foreign, .retry(after: .seconds(30)), during: "a request")
    fileprivate static let failedToBoot = ProviderError(.operationFailed, .giveUp, during: "the VM's operation")
}
