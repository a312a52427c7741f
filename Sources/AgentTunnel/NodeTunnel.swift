public import LinuxIO
internal import TLS
public import Telemetry

/// The node's end of one sandbox's tunnel.
///
/// With its first byte, each connection to the agent socket gets one connection to the VM's forwarder. When one of them
/// closes, the other closes too. If the forwarder supports sessions, the connection is a session: when the path to the
/// VM breaks, it waits for up to a minute and continues. Without sessions, and after that time, the tunnel closes the
/// shim's connection, and ttrpc's clients return an error for each call in flight. The next connection dials again.
public struct NodeTunnel: Sendable {
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
    private let preconnector: Preconnector
    private let limits: Limits
    private let loop: EpollLoop
    private let log: RateLimitedLogger
    private let counters: SessionCounters
    private let makeResponder: ResponderFactory
    private let use = SocketUse()
    private let sessions: ConnectionLimit

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
        preconnector = Preconnector(first: preconnected, idleTimeout: limits.preconnectedIdle)
        self.limits = limits
        self.loop = loop
        log = RateLimitedLogger(logger)
        self.counters = counters
        makeResponder = responder
        sessions = ConnectionLimit(limits.sessions)
    }

    /// Serves until cancelled; then closes all connections.
    ///
    /// - Throws: `CancellationError`, or `SystemCallError` when the socket can no longer be served.
    public func run() async throws {
        defer {
            listener.close()
            preconnector.close()
        }
        let connections = ConnectionLimit(limits.connections)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await preconnector.run(on: loop) { try await dial() } }
            while true {
                let near = try await listener.accept()
                guard connections.acquire() else {
                    log.warning("Refused a connection to the agent socket: too many are open")
                    near.close()
                    continue
                }
                use.begin()
                group.addTask {
                    defer {
                        connections.release()
                        use.end()
                    }
                    await carry(near)
                }
            }
        }
    }

    private func carry(_ near: Stream) async {
        do {
            // An agent only answers, so the tunnel waits for the client's first byte. A client that sends nothing
            // costs no handshake, and does not delay the handshakes of other clients.
            try await near.wait(for: .reading)
            let far: any ByteStream
            if let ready = await preconnector.take() {
                far = ready
            } else {
                far = try await dial()
            }
            if let far = far as? TLSStream, far.applicationProtocol == SessionHello.applicationProtocol {
                return try await carry(near, far)
            }
            try await relay(near, far)
        } catch is CancellationError {
            near.close()
        } catch {
            near.close()
            log.warning("A tunnel connection failed: \(error)")
        }
    }

    private func dial() async throws -> any ByteStream {
        try await dialer.connectForSession(deadline: .now.advanced(by: limits.dialing))
    }

    /// Carries a client in a session.
    private func carry(_ near: Stream, _ far: TLSStream) async throws {
        guard sessions.acquire() else {
            far.close()
            return try await relay(near, try await dialer.connect(deadline: .now.advanced(by: limits.dialing)))
        }
        defer { sessions.release() }
        let session = NodeSession(
            near, to: dialer, limits.session, counters, makeResponder(), on: loop, log: log)
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
