internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// One life of the adaptor: a supervisor with its tasks, which all run on one executor.
final class NodeProcess {
    /// The time between two sweeps.
    private static let sweepInterval = Duration.seconds(30)

    let id: Int
    let executor = SimulationExecutor()
    let supervisor: SandboxSupervisor
    private let world: World
    private let unfinished = Lock(0)
    private var main: Task<Void, Never>?
    private var calls: [Int: Task<Void, Never>] = [:]

    /// Whether all tasks have ended.
    var hasEnded: Bool { unfinished.withLock { $0 == 0 } }

    init(id: Int, world: World, hasGateway: Bool, defect: Defect?) {
        self.id = id
        self.world = world
        let ports = Ports(world: world, process: id, defect: defect)
        supervisor = SandboxSupervisor(
            store: ports.store, provider: ports.provider, connector: ports.connector, namespaces: ports.namespaces,
            clock: ports.clock,
            options: .init(
                proxyTimeout: ProxyTimeout(.seconds(60)), node: "node-1", cluster: "test",
                orphanGraceTime: .seconds(60),
                abandonedTimeout: .seconds(30), callersSurviveRestart: hasGateway))
        let (supervisor, sweeps) = (supervisor, defect != .noSweep)
        let lock = defect == .noLock ? Operation.Readiness.always : .lockIsFree
        main = start {
            guard await world.takeLock(of: id, lock) else { return }
            await Self.run(supervisor, id, world, sweeps: sweeps)
        }
    }

    /// What the program does: it loads, and then serves and works in the background until cancelled.
    private static func run(_ supervisor: SandboxSupervisor, _ id: Int, _ world: World, sweeps: Bool) async {
        do {
            try await supervisor.load()
        } catch {
            world.withState { $0.note(.processCannotStart, id) }
            return
        }
        world.withState { state in
            guard case .loading = state.processes[id] else { return }
            state.processes[id] = .serving
            state.note(.processServes, id)
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await supervisor.run() }
            group.addTask { if sweeps { await supervisor.sweep(every: sweepInterval) } }
            group.addTask { await supervisor.stopAbandoned() }
            // The gateway reports the marks that it has written since the records were read.
            for sandbox in world.withState(\.disk.marked) {
                group.addTask { try? await supervisor.stop(sandbox.rawValue) }
            }
        }
    }

    /// Sends a call of a shim.
    func send(_ call: Call, _ request: SandboxRequest, _ pod: Int) {
        let (supervisor, world) = (supervisor, world)
        calls[call.id] = start {
            var failure: LifecycleError?
            do throws(LifecycleError) {
                switch call.kind {
                case .createVM: _ = try await supervisor.create(request)
                case .startVM: try await supervisor.start(request.id)
                case .stopVM: try await supervisor.stop(request.id.rawValue)
                }
            } catch {
                failure = error
            }
            world.withState { [failure] in $0.answer(call, of: pod, failure) }
        }
    }

    /// The shim has closed the connection of the call.
    func cancel(_ call: Int) { calls[call]?.cancel() }

    /// SIGTERM: no more starts.
    func refuseStarts() { supervisor.refuseStarts() }

    /// Cancels all tasks.
    func cancelAll() {
        main?.cancel()
        for call in calls.keys.sorted() { calls[call]?.cancel() }
    }

    private func start(_ body: @escaping @Sendable () async -> Void) -> Task<Void, Never> {
        unfinished.withLock { $0 += 1 }
        return Task(executorPreference: executor) { [unfinished] in
            await body()
            unfinished.withLock { $0 -= 1 }
        }
    }
}
