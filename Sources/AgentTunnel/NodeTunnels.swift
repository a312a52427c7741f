public import LinuxIO
public import Telemetry

/// The tunnels that this process serves: one ``NodeTunnel`` for each sandbox, from its first open to its close.
public final class NodeTunnels: Sendable {
    /// One tunnel at this moment.
    public struct Status: Equatable, Sendable {
        /// The sandbox's id.
        public let sandbox: String
        /// The number of clients that are connected to the agent socket.
        public let connections: Int
        /// The last time at which a client was connected; nil before the first client.
        public let lastUse: ContinuousClock.Instant?
    }

    /// It is a class, because the table of tunnels has room for many more than there are.
    private final class OpenTunnel: Sendable {
        let plan: TunnelPlan
        let tunnel: NodeTunnel
        let child: TaskPool.Child

        init(_ plan: TunnelPlan, _ tunnel: NodeTunnel, _ child: TaskPool.Child) {
            self.plan = plan
            self.tunnel = tunnel
            self.child = child
        }
    }

    private struct State {
        var tunnels: [String: OpenTunnel] = [:]
        /// The latest attempt to open each tunnel. A close removes the attempt, which then has no effect.
        var attempts: [String: Attempt] = [:]
    }

    private final class Attempt: Sendable {}

    /// What happens to the sessions of all tunnels.
    public let sessions = SessionCounters()
    private let state = Lock(State())
    private let pool = TaskPool()
    private let loop: EpollLoop
    private let logger: Logger
    private let makeResponder: NodeTunnel.ResponderFactory

    /// The timeout of the connection that is made ahead of kata's first. Without it, kata's first connection takes longer.
    private static let spareTimeout = Duration.seconds(2)

    /// No tunnels. ``run()`` has to run beside them.
    ///
    /// `responder` makes what answers calls of a client while the path to its VM is broken.
    public init(
        on loop: EpollLoop, logger: Logger = .silent, responder: @escaping NodeTunnel.ResponderFactory = { nil }
    ) {
        self.loop = loop
        makeResponder = responder
        self.logger = logger
    }

    /// Runs all tunnels until cancelled; then they are closed.
    public func run() async { await pool.run() }

    /// The number of tunnels.
    public var count: Int { state.withLock { $0.tunnels.count } }

    /// When a client was last connected to a sandbox's agent socket; nil when none was in this process.
    public func lastUse(of sandbox: String) -> ContinuousClock.Instant? {
        state.withLock { $0.tunnels[sandbox] }?.tunnel.lastUse
    }

    /// The tunnels, sorted by sandbox.
    public var statuses: [Status] {
        state.withLock { $0.tunnels }.sorted { $0.key < $1.key }.map { sandbox, open in
            Status(sandbox: sandbox, connections: open.tunnel.connections, lastUse: open.tunnel.lastUse)
        }
    }

    /// Listens on a sandbox's agent socket. Does nothing if the same tunnel is open; another tunnel of the sandbox is
    /// closed first.
    ///
    /// With `connectsAhead`, a connection to the VM is ready for kata's first client. The connection of a health check
    /// cannot be reused for that, because kata counts a connection's stream ids from 1.
    /// - Throws: `TLSError`, `SocketInUse` or `SystemCallError` when the socket cannot be served, or
    ///   `CancellationError`, also when the sandbox's tunnel was closed meanwhile.
    public func open(_ plan: TunnelPlan, for sandbox: String, connectsAhead: Bool) async throws {
        if state.withLock({ $0.tunnels[sandbox]?.plan }) == plan { return }
        await close(sandbox)
        let attempt = Attempt()
        state.withLock { $0.attempts[sandbox] = attempt }
        let logger = logger.with("sandbox", sandbox)
        let dialer = try plan.dialer(on: loop)
        let spare = connectsAhead ? try await connectAhead(dialer, logger) : nil
        do {
            guard state.withLock({ $0.attempts[sandbox] }) === attempt else { throw CancellationError() }
            let listener = try Listener.listen(on: .unix(path: plan.socketPath), loop: loop)
            let tunnel = NodeTunnel(
                listener, to: dialer, preconnected: spare, counters: sessions, on: loop, logger: logger,
                responder: makeResponder)
            let child = pool.start { await Self.serve(tunnel, logger) }
            state.withLock { state in
                state.tunnels[sandbox] = OpenTunnel(plan, tunnel, child)
                state.attempts[sandbox] = nil
            }
        } catch {
            spare?.close()
            throw error
        }
    }

    private func connectAhead(_ dialer: Dialer, _ logger: Logger) async throws -> (any ByteStream)? {
        do {
            return try await dialer.connectForSession(deadline: .now.advanced(by: Self.spareTimeout))
        } catch let error as DialError {
            logger.warning(
                "A spare connection to the pod VM failed; kata's first connection takes longer",
                [LogField("error", error)])
            return nil
        }
    }

    private static func serve(_ tunnel: NodeTunnel, _ logger: Logger) async {
        do {
            try await tunnel.run()
        } catch is CancellationError {
        } catch {
            logger.error(
                "The agent socket is no longer served, and the pod's agent cannot be reached; delete the pod",
                [LogField("error", error)])
        }
    }

    // MARK: Other processes

    /// The plan of a sandbox's tunnel, and the tunnel.
    public func tunnel(of sandbox: String) -> (plan: TunnelPlan, tunnel: NodeTunnel)? {
        state.withLock { $0.tunnels[sandbox] }.map { ($0.plan, $0.tunnel) }
    }

    /// Prepares to serve a tunnel that another process serves: its listening socket, if this process does not have it, and
    /// its connections. The result begins.
    ///
    /// - Throws: The reason why it cannot be served.
    public func preparing(
        _ plan: TunnelPlan, for sandbox: String, _ listener: Listener?, _ connections: [DetachedConnection]
    ) throws -> @Sendable () -> Void {
        if let open = state.withLock({ $0.tunnels[sandbox] }), open.plan == plan {
            return try open.tunnel.preparing(connections)
        }
        guard let listener else { throw TunnelNotOpen() }
        let logger = logger.with("sandbox", sandbox)
        let tunnel = NodeTunnel(
            listener, to: try plan.dialer(on: loop), counters: sessions, on: loop, logger: logger,
            responder: makeResponder)
        let beginConnections = try tunnel.preparing(connections)
        return { [self] in
            beginConnections()
            let child = pool.start { await Self.serve(tunnel, logger) }
            state.withLock { $0.tunnels[sandbox] = OpenTunnel(plan, tunnel, child) }
        }
    }

    /// Closes a sandbox's tunnel, if there is one, and all its connections. Returns once that is done.
    ///
    /// - Returns: Whether there was a tunnel.
    @discardableResult
    public func close(_ sandbox: String) async -> Bool {
        let open = state.withLock { state in
            state.attempts[sandbox] = nil
            return state.tunnels.removeValue(forKey: sandbox)
        }
        guard let open else { return false }
        open.child.cancel()
        await open.child.finished()
        return true
    }

    /// Closes the tunnels that no client uses and no further client can reach, because the agent socket's file is gone.
    /// Returns their sandboxes.
    public func closeUnreachable() async -> [String] {
        let unreachable = state.withLock { $0.tunnels }.filter { _, open in
            open.tunnel.connections == 0 && !Files.exists(open.plan.socketPath)
        }
        for sandbox in unreachable.keys { await close(sandbox) }
        return unreachable.keys.sorted()
    }

    /// Closes all tunnels and all their connections; returns how many tunnels there were.
    public func closeAll() async -> Int {
        let closing = state.withLock { state in
            defer { state = State() }
            return Array(state.tunnels.values)
        }
        for open in closing { open.child.cancel() }
        for open in closing { await open.child.finished() }
        return closing.count
    }
}

/// A connection came without the listening socket of its tunnel, which this process does not serve.
struct TunnelNotOpen: Error {}
