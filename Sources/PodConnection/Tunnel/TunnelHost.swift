package import AgentTunnel
package import PodVMLifecycle
package import Telemetry

/// Holds the node's ends of the tunnels: in this process, or in another one that outlives it.
package protocol TunnelHost: Sendable {
    /// The number of tunnels.
    var count: Int { get }

    /// When a client was last connected to a sandbox's agent socket: now while a client is connected or while the host
    /// does not know, nil when no client was.
    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant?

    /// Listens on the agent socket, with a connection to the VM ready for kata's first client. Returns once the socket
    /// accepts connections.
    ///
    /// - Throws: The reason why the socket cannot be served, or `CancellationError`.
    func open(_ plan: TunnelPlan, for sandbox: SandboxID) async throws

    /// Listens on the agent socket of a sandbox of an earlier process, unless the socket is served. Does not wait for
    /// the VM, nor for another process.
    ///
    /// - Throws: The reason why the socket cannot be served.
    func reopen(_ plan: TunnelPlan, for sandbox: SandboxID) async throws

    /// Closes a sandbox's tunnel, if there is one, and all its connections. `reason` is for logs.
    func close(_ sandbox: SandboxID, because reason: String) async

    /// Closes the tunnels that end with this process; returns how many there were.
    func closeAll() async -> Int

    /// Does the host's work until cancelled.
    func run() async

    /// Returns once the shims' calls can reach this process, or the caller is cancelled.
    func callersReachable() async

    /// Adds the metrics of the tunnels that end with this process to `metrics`.
    func register(in metrics: Metrics)
}

extension TunnelHost {
    /// Without another process, the shims call this process directly.
    package func callersReachable() async {}

    /// A host in another process has its own metrics.
    package func register(in metrics: Metrics) {}
}

/// The tunnels of a node whose adaptor serves them itself. They end with this process.
struct LocalTunnels: TunnelHost {
    let tunnels: NodeTunnels

    var count: Int { tunnels.count }

    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { tunnels.lastUse(of: sandbox.rawValue) }

    func open(_ plan: TunnelPlan, for sandbox: SandboxID) async throws {
        try await tunnels.open(plan, for: sandbox.rawValue, connectsAhead: true)
    }

    func reopen(_ plan: TunnelPlan, for sandbox: SandboxID) async throws {
        try await tunnels.open(plan, for: sandbox.rawValue, connectsAhead: false)
    }

    func close(_ sandbox: SandboxID, because reason: String) async { await tunnels.close(sandbox.rawValue) }

    func closeAll() async -> Int { await tunnels.closeAll() }

    func run() async { await tunnels.run() }

    func register(in metrics: Metrics) { tunnels.sessions.register(in: metrics) }
}
