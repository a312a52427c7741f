internal import Fuzzing
internal import LinuxIO
internal import PodVMLifecycle
internal import Synchronization

/// A cloud and a network with delays and failures that the input decides.
final class World: CloudProvider, PodConnector {
    private struct State {
        var fates: [UInt8]
        var things: Set<String> = []
    }

    private let state: Mutex<State>
    private let loop: EpollLoop

    init(dice: inout Dice, loop: EpollLoop) {
        state = Mutex(State(fates: dice.bytes(atMost: 12).reversed()))
        self.loop = loop
    }

    /// The objects in the cloud and on the node.
    var remains: Set<String> { state.withLock { $0.things } }

    /// Lets other tasks run.
    func pause(_ turns: Int) async { for _ in 0..<turns { await loop.yield() } }

    func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation {
        FuzzedCreation(world: self, spec: spec)
    }

    fileprivate func create(_ spec: InstanceSpec) async throws(ProviderError) -> Instance {
        let fate = await nextFate()
        if fate == .nothingDone { throw World.refused }
        if Task.isCancelled { throw World.cancelled }
        state.withLock { _ = $0.things.insert("VM \(spec.name)") }
        if fate == .answerLost { throw World.refused }
        return Instance(id: spec.name, addresses: ["10.0.0.4"])
    }

    /// What becomes of a VM that has an address.
    fileprivate func provision() async -> CreationEvent {
        switch await nextFate() {
        case .done: .provisioned
        case .nothingDone: .failed(World.refused)
        case .answerLost: .replaced(World.refused)
        }
    }

    /// Returns when the task is cancelled.
    fileprivate func untilCancelled() async -> CreationEvent {
        while !Task.isCancelled { await loop.yield() }
        return .failed(World.cancelled)
    }

    func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        _ = await nextFate()
        state.withLock { _ = $0.things.remove("VM \(id)") }
    }

    func instances() async throws(ProviderError) -> [ListedInstance] { [] }

    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod {
        state.withLock { $0.things.formUnion(["keys of \(request.id)", "number of \(request.id)"]) }
        if await nextFate() == .nothingDone { throw World.broken }
        return PreparedPod(agentSocketPath: directory + "/agent.ttrpc")
    }

    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String { "" }

    func connect(_ sandbox: SandboxID, in directory: String, to instance: Instance) async throws(ConnectorError) {
        if await nextFate() != .done { throw World.broken }
        state.withLock { _ = $0.things.insert("tunnel of \(sandbox)") }
    }

    func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async {}

    func disconnect(_ sandbox: SandboxID, in directory: String) async {
        _ = await nextFate()
        state.withLock { state in
            state.things.remove("tunnel of \(sandbox)")
            state.things.remove("keys of \(sandbox)")
        }
    }

    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {
        _ = await nextFate()
        state.withLock { _ = $0.things.remove("number of \(sandbox)") }
    }

    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { nil }

    func adopt(_ sandbox: SandboxID, in directory: String) {}

    private enum Fate { case done, nothingDone, answerLost }

    private func nextFate() async -> Fate {
        let drawn = state.withLock { $0.fates.popLast() ?? 0 }
        await pause(Int(drawn >> 2) % 8)
        switch drawn & 3 {
        case 1: return .nothingDone
        case 2: return .answerLost
        default: return .done
        }
    }

    private static let refused = ProviderError(.rejected, .giveUp, during: "a fuzzed call")
    private static let cancelled = ProviderError(.cancelled, .giveUp, during: "a fuzzed call")
    private static let broken = ConnectorError(.failed, "a fuzzed call")
}

/// The creation of one VM, which goes on as drawn.
private final class FuzzedCreation: InstanceCreation {
    private enum Stage { case new, created, provisioned }

    private let world: World
    private let spec: InstanceSpec
    private let stage = Mutex(Stage.new)

    init(world: World, spec: InstanceSpec) {
        self.world = world
        self.spec = spec
    }

    func next() async -> CreationEvent {
        switch stage.withLock({ $0 }) {
        case .new:
            do throws(ProviderError) {
                let instance = try await world.create(spec)
                stage.withLock { $0 = .created }
                return .addressKnown(instance)
            } catch {
                return .failed(error)
            }
        case .created:
            let event = await world.provision()
            stage.withLock { stage in
                if case .provisioned = event { stage = .provisioned } else { stage = .new }
            }
            return event
        case .provisioned: return await world.untilCancelled()
        }
    }
}
