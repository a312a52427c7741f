public import LinuxIO
public import Telemetry

/// An HTTP/1.1 server on an event loop, without a thread of its own.
///
/// libmicrohttpd implements the protocol. The server gives it connections, and runs it when its descriptor is ready
/// or a timer expires. The server handles complete requests, with their bodies, as concurrent tasks. The next request
/// of a connection waits until the current request is answered. A client that closes the connection does not cancel
/// its request: handlers are short, or have a time limit.
public final class HTTPServer: Sendable {
    /// The limits for clients.
    public struct Limits: Sendable {
        /// The limit of simultaneous connections. For a further connection, the server closes the connection that has
        /// been idle for the longest time. If no connection is idle, it closes the new one.
        public var connections = 256
        /// The limit of a request's line and header, in bytes. The answer to a longer header is 431 or 414.
        var headerBytes = 16 << 10
        /// The limit of a body, in bytes. The answer to a longer body is 413.
        public var bodyBytes = 1 << 20
        /// The time after which a connection without traffic is closed.
        public var idleTimeout = Duration.seconds(10)

        /// Makes limits for small requests of unknown clients.
        public init() {}
    }

    /// The server's certificate, the intermediate certificates up to its authority, and the private key, in PEM.
    public struct TLS: Sendable {
        let certificate: String
        let key: Secret<String>

        /// Pairs certificate and key. The initializer of the server checks whether they match.
        public init(certificate: String, key: Secret<String>) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The certificate or the key for TLS cannot be parsed, or they do not match.
    public struct UnusableCertificate: Error, Equatable, Sendable, CustomStringConvertible {
        /// What the operator should check.
        public let description =
            "the HTTP server cannot use its certificate: the certificate or the key is not PEM, or they do not belong together"
    }

    /// The address on which the server listens. For TCP it has the port that the kernel assigned.
    public var address: SocketAddress { listener.address }
    private let listener: Listener
    private let loop: EpollLoop
    private let daemon: HTTPDaemon
    private let readiness: Stream
    private let logger: Logger
    private let handlers = TaskPool()
    private let hasClock = Lock(false)
    /// The number of rounds in a turn. In one round libmicrohttpd handles each connection that is ready.
    private static let roundsPerTurn = 4
    private let handler: @Sendable (HTTPRequest) async -> HTTPResponse

    /// Makes a server for the connections of `listener`. `handler` answers each request.
    ///
    /// - Throws: ``SystemCallError`` when descriptors have run out, ``UnusableCertificate``.
    public init(
        on listener: Listener, loop: EpollLoop, limits: Limits = Limits(), tls: TLS? = nil, logger: Logger = .silent,
        handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse
    ) throws {
        self.listener = listener
        self.loop = loop
        self.logger = logger
        self.handler = handler
        daemon = try HTTPDaemon(limits, tls)
        readiness = try Stream(OwnedFD(duplicating: daemon.pollDescriptor), on: loop)
    }

    /// Serves until cancelled; then answers the requests that have arrived, and closes all connections.
    ///
    /// - Throws: `CancellationError`, or the error of the listener.
    public func run() async throws {
        defer {
            listener.close()
            readiness.close()
            daemon.stop()
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.handlers.run() }
            group.addTask { try await self.accept() }
            group.addTask {
                while true {
                    try await self.readiness.wait(for: .reading)
                    self.turn()
                }
            }
            while try await group.next() != nil {}
        }
    }

    private func accept() async throws {
        while true {
            let connection = try await listener.accept()
            if daemon.adopt(try connection.release()) {
                // It runs at once, so a request that arrived with the connection starts before later requests.
                turn()
            } else {
                logger.warning("Refused an HTTP connection: too many requests are in progress")
            }
        }
    }

    /// Lets libmicrohttpd do all work that is possible now, and starts the requests that are complete.
    ///
    /// The server calls it when the descriptor is ready, when a request was answered, and when the timeout of a
    /// connection may have expired.
    private func turn() {
        var rounds = 0
        while true {
            let (requests, wait) = daemon.run()
            for (id, request) in requests {
                handlers.start {
                    let response = await self.handler(request)
                    response.stream?.onChange { [weak self] in
                        guard let self else { return }
                        self.daemon.resume(id)
                        self.turn()
                    }
                    self.daemon.answer(id, response)
                    self.turn()
                }
            }
            rounds += 1
            guard let wait else { return }
            if wait > .zero { return scheduleTurn(after: wait) }
            // Busy connections must not block the loop's other tasks.
            if rounds == HTTPServer.roundsPerTurn { return _ = handlers.start { self.turn() } }
        }
    }

    /// Connections time out in the order of their last traffic, so the earliest requested time is never too late.
    private func scheduleTurn(after wait: Duration) {
        let isScheduled = hasClock.withLock { hasClock in
            defer { hasClock = true }
            return hasClock
        }
        if isScheduled { return }
        handlers.start {
            let isDue: Void? = try? await self.loop.sleep(for: wait)
            self.hasClock.withLock { $0 = false }
            if isDue != nil { self.turn() }
        }
    }
}
