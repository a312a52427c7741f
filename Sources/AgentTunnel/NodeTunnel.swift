public import LinuxIO
public import Telemetry

/// The node's end of one sandbox's tunnel.
///
/// Each connection to the agent socket becomes, with its first byte, one connection to the VM's
/// forwarder, and either closes with the other. The tunnel does not decode the bytes, so it cannot answer
/// calls in flight when the path to the VM breaks: it closes the shim's connection, which
/// ttrpc's clients turn into an error for each of those calls. The next connection dials again.
public struct NodeTunnel: Sendable {
    /// What one sandbox may use.
    public struct Limits: Sendable {
        /// Connections at once; further ones are closed. Idle ones cost little: they have no connection to the VM.
        public var connections = 2048
        /// How long a later connection may take to reach the forwarder.
        public var dialing = Duration.seconds(30)
        /// How long an unused connection to the forwarder is kept for the next client.
        public var preconnectedIdle = Duration.seconds(10)

        /// The defaults.
        public init() {}
    }

    private let listener: Listener
    private let dialer: Dialer
    private let preconnector: Preconnector
    private let limits: Limits
    private let loop: EpollLoop
    private let log: RateLimitedLogger
    private let use = SocketUse()

    /// When a client was last connected to the agent socket: now, while one is; nil before the first.
    public var lastUse: ContinuousClock.Instant? { use.last }

    /// Serves the agent socket `listener`, which the tunnel then owns.
    ///
    /// `preconnected` is a connection to the forwarder on which nothing has been sent: the first client gets it,
    /// unless it has broken by then.
    public init(
        _ listener: Listener, to dialer: Dialer, preconnected: (any ByteStream)? = nil, limits: Limits = Limits(),
        on loop: EpollLoop, logger: Logger = .silent
    ) {
        self.listener = listener
        self.dialer = dialer
        preconnector = Preconnector(first: preconnected, idleTimeout: limits.preconnectedIdle)
        self.limits = limits
        self.loop = loop
        log = RateLimitedLogger(logger)
    }

    /// Serves until cancelled; then, everything is closed.
    ///
    /// - Throws: `CancellationError`, or `SystemCallError` when the socket can no longer be served.
    public func run() async throws {
        defer {
            listener.close()
            preconnector.close()
        }
        let connections = ConnectionLimit(limits.connections)
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask {
                await preconnector.run(on: loop) {
                    try await dialer.connect(deadline: .now.advanced(by: limits.dialing))
                }
            }
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
            // An agent only answers. A client that sends nothing must not cost a handshake, nor, among many, delay
            // the handshakes of clients that do.
            try await near.wait(for: .reading)
            let far: any ByteStream
            if let ready = await preconnector.take() {
                far = ready
            } else {
                far = try await dialer.connect(deadline: .now.advanced(by: limits.dialing))
            }
            try await relay(near, far)
        } catch is CancellationError {
            near.close()
        } catch {
            near.close()
            log.warning("A tunnel connection failed: \(error)")
        }
    }
}

/// How many clients are connected to a socket, and when the last one was.
private final class SocketUse: Sendable {
    private let state = Lock((connections: 0, end: nil as ContinuousClock.Instant?))

    var last: ContinuousClock.Instant? { state.withLock { $0.connections > 0 ? .now : $0.end } }

    func begin() { state.withLock { $0.connections += 1 } }

    func end() {
        state.withLock { state in
            state.connections -= 1
            state.end = .now
        }
    }
}
