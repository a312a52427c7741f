internal import AgentTunnel
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// Where the tunnels live: one ``NodeTunnel`` a sandbox, from the agent's first answer to StopVM.
///
/// Whoever ties pods to their VMs knows tunnels only by this, so that they may live elsewhere.
final class TunnelManager: Sendable {
    private struct Tunnel {
        let end: NodeTunnel
        let child: TaskPool.Child
    }

    private let tunnels = Lock<[SandboxID: Tunnel]>([:])
    private let pool = TaskPool()
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// Carries all tunnels until cancelled; then they are closed.
    func run() async { await pool.run() }

    /// How many there are.
    var count: Int { tunnels.withLock { $0.count } }

    /// When a client was last connected to a sandbox's agent socket; nil when none was in this process.
    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { tunnels.withLock { $0[sandbox] }?.end.lastUse }

    /// Starts to carry a sandbox's connections. An earlier tunnel of the sandbox is closed.
    func open(_ end: NodeTunnel, for sandbox: SandboxID) async {
        await close(sandbox)
        let logger = logger.with("sandbox", sandbox)
        let child = pool.start {
            do {
                try await end.run()
            } catch is CancellationError {
            } catch {
                logger.error("The agent socket is no longer served", [LogField("error", error)])
            }
        }
        tunnels.withLock { $0[sandbox] = Tunnel(end: end, child: child) }
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
