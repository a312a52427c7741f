internal import AgentTunnel
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// Where the tunnels live: one ``NodeEnd`` a sandbox, from the agent's first answer to StopVM.
///
/// Whoever ties pods to their VMs knows tunnels only by this, so that they may live elsewhere.
final class TunnelHost: Sendable {
    private let tunnels = Lock<[SandboxID: TaskPool.Child]>([:])
    private let pool = TaskPool()
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    /// Carries all tunnels until cancelled; then they are closed.
    func run() async { await pool.run() }

    /// How many there are.
    var count: Int { tunnels.withLock { $0.count } }

    /// Starts to carry a sandbox's connections. An earlier tunnel of the sandbox is closed.
    func open(_ end: NodeEnd, for sandbox: SandboxID) async {
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
        tunnels.withLock { $0[sandbox] = child }
    }

    /// Closes a sandbox's tunnel, if there is one, and all its connections. Returns once that is done.
    func close(_ sandbox: SandboxID) async {
        guard let child = tunnels.withLock({ $0.removeValue(forKey: sandbox) }) else { return }
        child.cancel()
        await child.finished()
    }
}
