public import LinuxIO
public import TLS
public import Telemetry

/// The VM's end of the tunnel. It opens one connection to the agent for each connection from the node.
///
/// Every host that can reach the port may connect, so a connection is not trusted until its TLS handshake has ended.
/// The time for a handshake is limited, and when too many handshakes are in progress, the oldest is dropped.
///
/// A node that requests an application protocol (ALPN) of the tunnel is connected to that service instead of the agent.
/// With the protocol of sessions, its connection to the agent outlives a broken connection to the node: `docs/session.md`
/// describes it.
public struct GuestTunnel: Sendable {
    /// The limits for the node, and for clients that are not authenticated yet.
    public struct Limits: Sendable {
        /// The time limit of a handshake.
        var handshake = Duration.seconds(10)
        /// The limit of simultaneous handshakes. Above it the oldest is dropped, unless it is younger than ``grace``.
        var handshakes = 128
        /// The time of a normal handshake on a busy machine. The number of younger handshakes may be four times
        /// ``handshakes``.
        var grace = Duration.seconds(1)
        /// The limit of simultaneous connections, with handshakes.
        public var connections = 4096
        /// The limit of simultaneous connections with an application protocol.
        public var services = 8
        /// The time limit of a connection with an application protocol. The services answer short calls.
        public var service = Duration.seconds(30)
        /// The time limit for the agent's start, from the first byte for the agent.
        public var agentStart = Duration.seconds(150)
        /// The time within which a broken path to the node is detected.
        public var silence = Duration.seconds(30)
        /// The time limits of sessions.
        public var session = SessionTimes()
        /// The limit of sessions of a client certificate.
        public var sessions = 64

        /// The defaults.
        public init() {}
    }

    /// Makes the filter for one connection's bytes to the agent; nil means no filter.
    public typealias FilterFactory = @Sendable () -> sending (any StreamFilter)?

    /// Serves one connection, which is closed when the function returns. It is cancelled when its time limit expires.
    public typealias ProtocolHandler = @Sendable (any ByteStream) async -> Void

    private let listener: Listener
    private let protocols: [String: ProtocolHandler]
    private let serviceConnections: ConnectionLimit
    private let context: TLSContext?
    private let agent: AgentDialer
    private let sessions: GuestSessions
    private let store: (any DescriptorStore)?
    private let kept: KeptDescriptors
    private let journalRoom: JournalRoom
    private let makeFilter: FilterFactory
    private let limits: Limits
    private let loop: EpollLoop
    private let logger: Logger
    private let log: RateLimitedLogger

    /// Makes a tunnel that owns and serves `listener`.
    ///
    /// Without a `context` it serves without TLS, for tests only. It connects to `agent` when a connection has bytes
    /// for the agent. Each connection's bytes go through a `filter` of its own. A client that requests one of
    /// `protocols` by its name gets that service; without TLS, clients cannot request a service.
    ///
    /// With a `store`, sessions outlive a crash of this process: the next process continues those that are in `kept`.
    public init(
        _ listener: Listener, security context: TLSContext?, agent: SocketAddress, limits: Limits = Limits(),
        on loop: EpollLoop, logger: Logger = .silent, protocols: [String: ProtocolHandler] = [:],
        store: (any DescriptorStore)? = nil, kept: KeptDescriptors = KeptDescriptors(),
        filter: @escaping FilterFactory = { nil }
    ) {
        self.listener = listener
        self.context = context
        self.limits = limits
        self.loop = loop
        let log = RateLimitedLogger(logger)
        let dialer = AgentDialer(agent, on: loop, patience: limits.agentStart)
        (self.logger, self.log) = (logger, log)
        self.agent = dialer
        self.store = store
        self.kept = kept
        let room = JournalRoom()
        journalRoom = room
        sessions = GuestSessions(limit: limits.sessions) { key in
            let keeper = store.map { GuestSession.Keeper(store: $0, name: StoredSession.newName(), room: room) }
            return GuestSession(
                dialer, limits.session, filter: filter(), keeper: keeper, key: key, on: loop, log: log)
        }
        self.protocols = protocols
        serviceConnections = ConnectionLimit(limits.services)
        makeFilter = filter
    }

    /// Serves until cancelled; then closes all connections.
    ///
    /// - Throws: `CancellationError`, or `SystemCallError` when the port can no longer be served.
    public func run() async throws {
        defer { listener.close() }
        let connections = ConnectionLimit(limits.connections)
        let pendingHandshakes = PendingHandshakes(limit: limits.handshakes, grace: limits.grace)
        try await withThrowingDiscardingTaskGroup { group in
            for (session, key) in storedSessions() {
                // A client may ask for the session with its first bytes.
                sessions.add(session, key)
                group.addTask { await sessions.run(session, key) }
            }
            while true {
                let near = try await listener.accept()
                guard connections.acquire() else {
                    log.warning("Refused a connection from the node: too many are open")
                    near.close()
                    continue
                }
                group.addTask {
                    defer { connections.release() }
                    await serve(near, pendingHandshakes)
                }
            }
        }
    }

    /// The sessions of an earlier process. Those that cannot be continued are closed.
    private func storedSessions() -> [(GuestSession, GuestSessions.Key)] {
        guard let store else { return [] }
        var sessions: [(GuestSession, GuestSessions.Key)] = []
        for name in StoredSession.names(in: kept) {
            do {
                let stored = try StoredSession(name, in: kept, room: journalRoom, on: loop)
                let key = GuestSessions.Key(fingerprint: stored.recovery.fingerprint, id: stored.recovery.id)
                let session = try GuestSession(
                    continuing: stored, agent, limits.session, filter: makeFilter(),
                    keeper: GuestSession.Keeper(store: store, name: name, room: journalRoom), on: loop, log: log)
                sessions.append((session, key))
            } catch {
                StoredSession.drop(name, from: store)
                log.warning("A session of the program before this one cannot be continued: \(error)")
            }
        }
        if !sessions.isEmpty { logger.info("Continuing \(sessions.count) sessions of the program before this one") }
        return sessions
    }

    private func serve(_ near: Stream, _ pendingHandshakes: PendingHandshakes) async {
        defer { near.close() }
        near.setNoDelay()
        near.setKeepAlive(userTimeout: limits.silence)
        do {
            let node = try await authenticate(near, pendingHandshakes)
            if let node = node as? TLSStream, let name = node.applicationProtocol {
                if name == SessionHello.applicationProtocol { return try await sessions.serve(node) }
                if let handler = protocols[name] { return try await serve(node, handler) }
            }
            guard let call = try await agent.answer(node) else { return }
            try await relay(node, call.agent, filter: makeFilter(), held: call.held)
        } catch is CancellationError {
        } catch {
            log.warning("A connection from the node failed: \(error)")
        }
    }

    private func serve(_ node: any ByteStream, _ handler: @escaping ProtocolHandler) async throws {
        defer { node.close() }
        guard serviceConnections.acquire() else {
            return log.warning("Refused a service connection from the node: too many are open")
        }
        defer { serviceConnections.release() }
        try await withDeadline(.now.advanced(by: limits.service), on: loop) { await handler(node) }
    }

    private func authenticate(_ near: Stream, _ pendingHandshakes: PendingHandshakes) async throws -> any ByteStream {
        guard let context else { return near }
        let ticket = pendingHandshakes.enter(near)
        defer { pendingHandshakes.leave(ticket) }
        return try await TLSStream.accept(
            over: near, context: context, protocols: [SessionHello.applicationProtocol] + protocols.keys,
            deadline: .now.advanced(by: limits.handshake))
    }
}

/// Connections whose TLS handshake has not ended, oldest first.
private final class PendingHandshakes: Sendable {
    private struct State {
        var next: UInt64 = 0
        var waiting: [(ticket: UInt64, since: ContinuousClock.Instant, stream: Stream)] = []
    }

    private let state = Lock(State())
    private let limit: Int
    private let grace: Duration

    init(limit: Int, grace: Duration) {
        self.limit = limit
        self.grace = grace
    }

    /// Adds a connection; above the limit, the oldest is closed if it is older than the grace time.
    func enter(_ stream: Stream) -> UInt64 {
        let now = ContinuousClock.now
        let (ticket, oldest) = state.withLock { state in
            state.next += 1
            state.waiting.append((state.next, now, stream))
            let isCrowded = state.waiting.count > limit && now - state.waiting[0].since >= grace
            let isFull = state.waiting.count > limit * 4
            return (state.next, isCrowded || isFull ? state.waiting.removeFirst().stream : nil)
        }
        oldest?.close()
        return ticket
    }

    func leave(_ ticket: UInt64) {
        state.withLock { state in state.waiting.removeAll { $0.ticket == ticket } }
    }
}
