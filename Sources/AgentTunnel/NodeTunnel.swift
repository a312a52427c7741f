public import LinuxIO
internal import TLS
public import Telemetry

/// The node's end of one sandbox's tunnel.
///
/// With its first byte, each connection to the agent socket gets one connection to the VM's forwarder. When one of them
/// closes, the other closes too. If the forwarder supports sessions, the connection is a session: when the path to the
/// VM breaks, it waits for up to a minute and continues. Without sessions, and after that time, the tunnel closes the
/// shim's connection, and ttrpc's clients return an error for each call in flight. The next connection dials again.
///
/// It is a class, because the tasks of a tunnel would otherwise have copies in their stacks.
public final class NodeTunnel: Sendable {
    /// The limits of one sandbox.
    public struct Limits: Sendable {
        /// The limit of simultaneous connections; further ones are closed. Idle ones have no connection to the VM.
        public var connections = 2048
        /// The time within which a later connection must reach the forwarder.
        public var dialing = Duration.seconds(30)
        /// The time for which an unused connection to the forwarder is kept for the next client.
        public var preconnectedIdle = Duration.seconds(10)
        /// The limit of simultaneous sessions. Further connections do not survive a broken path to the VM. The limit of
        /// the forwarder is higher, because sessions that have ended here may be suspended there.
        public var sessions = 32
        /// The time limits of sessions.
        public var session = SessionTimes()

        /// The defaults.
        public init() {}
    }

    /// Makes the responder for one client's connection; nil means that no calls are answered in place of the agent.
    public typealias ResponderFactory = @Sendable () -> (any SuspensionResponder)?

    private let listener: Listener
    private let dialer: Dialer
    let preconnector: Preconnector
    private let limits: Limits
    private let loop: EpollLoop
    private let log: RateLimitedLogger
    private let counters: SessionCounters
    private let makeResponder: ResponderFactory
    private let use = SocketUse()
    private let sessions: ConnectionLimit
    private let movable = MovableConnections()
    private let hasLeft = Event()
    /// The tasks that make connections in advance, and those of connections that began in another process.
    private let inbox: TaskInbox

    /// The last time at which a client was connected to the agent socket. It is now while a client is connected, and
    /// nil before the first client.
    public var lastUse: ContinuousClock.Instant? { use.last }

    /// The number of clients that are connected to the agent socket.
    public var connections: Int { use.connections }

    /// Makes a tunnel that owns and serves the agent socket `listener`.
    ///
    /// `preconnected` is a connection to the forwarder without any sent bytes, made with
    /// ``Dialer/connectForSession(deadline:)``. The first client gets it, unless it breaks before.
    public init(
        _ listener: Listener, to dialer: Dialer, preconnected: (any ByteStream)? = nil, limits: Limits = Limits(),
        counters: SessionCounters = SessionCounters(), on loop: EpollLoop, logger: Logger = .silent,
        responder: @escaping ResponderFactory = { nil }
    ) {
        self.listener = listener
        self.dialer = dialer
        let inbox = TaskInbox { listener.wake() }
        self.inbox = inbox
        preconnector = Preconnector(
            first: preconnected, idleTimeout: limits.preconnectedIdle, on: loop, start: { inbox.start($0) },
            dial: { try await dialer.connectForSession(deadline: .now.advanced(by: limits.dialing)) })
        self.limits = limits
        self.loop = loop
        log = RateLimitedLogger(logger)
        self.counters = counters
        makeResponder = responder
        sessions = ConnectionLimit(limits.sessions)
    }

    /// Serves until cancelled; then closes all connections. After ``leave()`` it accepts no more connections.
    ///
    /// - Throws: `CancellationError`, or `SystemCallError` when the socket can no longer be served.
    public func run() async throws {
        defer { listener.close() }
        let connections = ConnectionLimit(limits.connections)
        try await withThrowingDiscardingTaskGroup { group in
            // Clients that wait for a connection would otherwise wait without end.
            defer { preconnector.close() }
            while true {
                while let body = inbox.take() { group.addTask { await body() } }
                guard !hasLeft.isSet else {
                    let body = try await inbox.next()
                    group.addTask { await body() }
                    continue
                }
                guard let near = try await nextClient() else { continue }
                guard connections.acquire() else {
                    log.warning("Refused a connection to the agent socket: too many are open")
                    near.close()
                    continue
                }
                use.begin()
                group.addTask { [self] in
                    defer {
                        connections.release()
                        use.end()
                    }
                    await carry(near)
                }
            }
        }
    }

    /// The next client; nil if there is something else to do.
    private func nextClient() async throws -> Stream? {
        do {
            return try await listener.acceptOrWake()
        } catch is StreamClosed where hasLeft.isSet {
            return nil
        }
    }

    // MARK: Other processes

    /// Sends a copy of the listening socket over a unix socket.
    public func sendListener(over connection: Stream) async throws {
        try await Listener.send([listener], over: connection)
    }

    /// Stops to accept connections, because another process does.
    public func leave() {
        hasLeft.set()
        listener.leave()
    }

    /// Whether it accepts connections.
    public var accepts: Bool { !hasLeft.isSet }

    /// Gives up all connections that can be continued elsewhere. Plain connections to the VM stay.
    public func detachConnections() -> [DetachedConnection] { movable.detachAll() }

    /// Prepares to continue connections that a tunnel to the same VM has given up. The result begins.
    ///
    /// - Throws: The reason why the state of one of them is malformed.
    public func preparing(_ connections: [DetachedConnection]) throws -> @Sendable () -> Void {
        let sessions = try connections.map { connection in
            (connection.stream, try connection.snapshot.map { try session(of: connection.stream, continuing: $0) })
        }
        return { [self] in
            for (stream, session) in sessions {
                use.begin()
                // The next move may come before the task runs.
                if let session { movable.insert(session, of: stream) }
                inbox.start { [self] in
                    defer { use.end() }
                    if let session { await carry(stream, session, on: nil) } else { await carry(stream) }
                }
            }
        }
    }

    private func carry(_ near: Stream) async {
        do {
            switch try await far(for: near) {
            case nil: return
            case .plain(let far): try await relayPlain(near, far)
            case .session(let session, let far): await carry(near, session, on: far)
            }
        } catch is CancellationError {
            near.close()
        } catch {
            near.close()
            log.warning("A tunnel connection failed: \(error)")
        }
    }

    private enum Far {
        case session(NodeSession, TLSStream)
        case plain(any ByteStream)
    }

    /// The VM's end of a client's connection; nil if the client sends nothing.
    ///
    /// The stack of a task grows by what this function needs, and a session's task waits for long. So it is not inlined.
    @inline(never)
    private func far(for near: Stream) async throws -> Far? {
        // An agent only answers, so the tunnel waits for the client's first byte. A client that sends nothing
        // costs no handshake, and does not delay the handshakes of other clients.
        guard try await isReady(near) else { return nil }
        let far: any ByteStream
        if let ready = await preconnector.take() {
            far = ready
        } else {
            far = try await dial()
        }
        guard let far = far as? TLSStream, far.applicationProtocol == SessionHello.applicationProtocol else {
            return .plain(far)
        }
        let session = try session(of: near)
        if sessions.acquire() { return .session(session, far) }
        far.close()
        return .plain(try await dialer.connect(deadline: .now.advanced(by: limits.dialing)))
    }

    @inline(never)
    private func relayPlain(_ near: Stream, _ far: any ByteStream) async throws { try await relay(near, far) }

    /// Waits for a client's first byte. Returns false if the client ends without one, or another process continues the
    /// connection.
    private func isReady(_ near: Stream) async throws -> Bool {
        movable.insert(near)
        do {
            try await near.wait(for: .reading)
        } catch {
            if movable.remove(near) { throw error }
            return false
        }
        guard movable.remove(near) else { return false }
        guard near.hasEnded else { return true }
        near.close()
        return false
    }

    private func dial() async throws -> any ByteStream {
        try await dialer.connectForSession(deadline: .now.advanced(by: limits.dialing))
    }

    private func session(of near: Stream, continuing snapshot: SessionSnapshot? = nil) throws -> NodeSession {
        try NodeSession(
            near, continuing: snapshot, to: dialer, limits.session, counters, makeResponder(), on: loop, log: log)
    }

    private func carry(_ near: Stream, _ session: NodeSession, on far: TLSStream?) async {
        movable.insert(session, of: near)
        defer {
            movable.remove(near)
            if far != nil { sessions.release() }
        }
        await session.run(on: far)
    }
}

/// The number of connected clients of a socket, and the last time at which a client was connected.
private final class SocketUse: Sendable {
    private let state = Lock((connections: 0, end: nil as ContinuousClock.Instant?))

    var connections: Int { state.withLock { $0.connections } }

    var last: ContinuousClock.Instant? { state.withLock { $0.connections > 0 ? .now : $0.end } }

    func begin() { state.withLock { $0.connections += 1 } }

    func end() {
        state.withLock { state in
            state.connections -= 1
            state.end = .now
        }
    }
}
