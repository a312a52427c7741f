internal import LinuxIO
internal import TTRPC
internal import Telemetry

/// What the stand-in for kata's agent knows and does, whatever the protocol.
///
/// Concurrency: `state` is all that calls share, under its lock. Processes are reaped by
/// ``run()``, which therefore has to run for as long as calls are served.
final class Agent: Sendable {
    private struct State {
        var containers: [String: Container] = [:]
        /// Numbers of processes that somebody waits for already.
        var awaited: Set<Int32> = []
        var sandbox: String?
    }

    let loop: EpollLoop
    let logger: Logger
    private let state = Lock(State())
    private let pool = TaskPool()

    init(on loop: EpollLoop, logger: Logger) {
        self.loop = loop
        self.logger = logger
    }

    /// Waits for the processes of containers until cancelled; then kills those that are left.
    func run() async {
        await pool.run()
        for container in state.withLock({ Array($0.containers.values) }) { await container.end(on: loop) }
    }

    /// How many containers there are.
    var containerCount: Int { state.withLock { $0.containers.count } }

    /// Begins a pod.
    func createSandbox(_ id: String) {
        state.withLock { $0.sandbox = id }
        logger.info("sandbox \(id) begins; its containers run here without any isolation")
    }

    /// Ends a pod and all its containers.
    func destroySandbox() async {
        let containers = state.withLock { state in
            state.sandbox = nil
            return Array(state.containers.keys)
        }
        for id in containers { try? await removeContainer(id) }
        logger.info("the sandbox is gone")
    }

    /// Names a container, whose process runs from ``startContainer(_:)`` on, in the network namespace at `network` if
    /// there is such a path.
    func createContainer(_ id: String, _ plan: ProcessPlan, network: String? = nil) throws(Status) {
        if id.isEmpty { throw Status(.invalidArgument, "the container id is empty") }
        let isNew = state.withLock { state in
            if state.containers[id] != nil { return false }
            state.containers[id] = Container(id: id, plan: plan, network: network)
            return true
        }
        if !isNew { throw Status(.alreadyExists, "Container \(id) exists") }
        let namespaces = network.map { "no namespace but the network's at \($0)" } ?? "no namespaces"
        logger.info("container \(id) is created: \(namespaces), no cgroup, no root file system")
    }

    /// Runs a container's first process; once it ends, all others of the container are killed.
    func startContainer(_ id: String) throws(Status) {
        let container = try self.container(id)
        try start(container.first) { [loop] in await container.end(on: loop) }
    }

    /// Runs one more process in a container.
    func execProcess(_ id: String, in containerID: String, _ plan: ProcessPlan) throws(Status) {
        let container = try self.container(containerID)
        guard container.first.isRunning else {
            throw Status(.failedPrecondition, "container \(containerID) is not running")
        }
        try start(container.add(id, plan)) {}
    }

    /// Finds a container.
    ///
    /// - Throws: what the real agent says when there is none.
    func container(_ id: String) throws(Status) -> Container {
        guard let container = state.withLock({ $0.containers[id] }) else {
            throw Status(.notFound, "Invalid container id")
        }
        return container
    }

    /// Kills what is left of a container and forgets it.
    func removeContainer(_ id: String) async throws {
        let container = try self.container(id)
        await container.end(on: loop)
        for process in container.all where process.pid != nil { _ = try? await process.wait() }
        for process in container.all { process.close() }
        state.withLock { $0.containers[id] = nil }
        logger.info("container \(id) is removed")
    }

    /// Reaps those that lost their parents and became our children.
    func reapOrphans() { ProcessTree.reapOrphans(except: state.withLock { $0.awaited }) }

    private func start(
        _ process: AgentProcess, atEnd clearUp: @escaping @Sendable () async -> Void
    ) throws(Status) {
        try process.start(on: loop)
        guard let pid = process.pid else { return }
        state.withLock { _ = $0.awaited.insert(pid) }
        logger.info("process \(process.id) runs", [LogField("pid", "\(pid)")])
        pool.start { [self] in
            await process.reap(then: clearUp)
            state.withLock { _ = $0.awaited.remove(pid) }
        }
    }
}
