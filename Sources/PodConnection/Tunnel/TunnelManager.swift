internal import AgentTunnel
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// Holds the tunnels: one ``NodeTunnel`` for each sandbox, from the agent's first answer to StopVM.
///
/// The connector uses tunnels only through this type, so that they can move to another process.
final class TunnelManager: Sendable {
    private struct RunningTunnel {
        let tunnel: NodeTunnel
        let child: TaskPool.Child
    }

    private let tunnels = Lock<[SandboxID: RunningTunnel]>([:])
    private let pool = TaskPool()
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// Runs all tunnels until cancelled; then they are closed.
    func run() async { await pool.run() }

    /// The number of tunnels.
    var count: Int { tunnels.withLock { $0.count } }

    /// When a client was last connected to a sandbox's agent socket; nil when none was in this process.
    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { tunnels.withLock { $0[sandbox] }?.tunnel.lastUse }

    /// Starts a sandbox's tunnel. An earlier tunnel of the sandbox is closed first.
    func open(_ tunnel: NodeTunnel, for sandbox: SandboxID) async {
        await close(sandbox)
        let logger = logger.with("sandbox", sandbox)
        let child = pool.start {
            do {
                try await tunnel.run()
            } catch is CancellationError {
            } catch {
                logger.error(
                    "The agent socket is no longer served, and the pod's agent cannot be reached; delete the pod",
                    [LogField("error", error)])
            }
        }
        tunnels.withLock { $0[sandbox] = RunningTunnel(tunnel: tunnel, child: child) }
    }

    /// Closes a sandbox's tunnel, if there is one, and all its connections. Returns once that is done.
    func close(_ sandbox: SandboxID) async {
        guard let tunnel = tunnels.withLock({ $0.removeValue(forKey: sandbox) }) else { return }
        tunnel.child.cancel()
        await tunnel.child.finished()
    }

    /// Closes all tunnels and all their connections; returns how many tunnels there were.
    func closeAll() async -> Int {
        let closing = tunnels.withLock { tunnels in
            defer { tunnels = [:] }
            return Array(tunnels.values)
        }
        for tunnel in closing { tunnel.child.cancel() }
        for tunnel in closing { await tunnel.child.finished() }
        return closing.count
    }
}
