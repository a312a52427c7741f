public import LinuxIO
public import Telemetry

/// An HTTP/1.1 server on a loop, without a thread of its own.
///
/// libmicrohttpd speaks the protocol; we give it connections, and run it when its
/// descriptor or its clock says so. Requests arrive whole, bodies included, and are
/// handled as tasks beside each other; a connection's next request waits for its answer.
/// A client that hangs up does not cancel its request: handlers are short, or bound
/// themselves.
public final class HTTPServer: Sendable {
    /// What a client may ask of us.
    public struct Limits: Sendable {
        /// Connections at once; for one more, that one is closed which has been idle for longest. If none is, the new
        /// one is.
        public var connections = 256
        /// Bytes of a request's line and header; more is answered with 431 (or 414).
        var headerBytes = 16 << 10
        /// Bytes of a body; more is answered with 413.
        public var bodyBytes = 1 << 20
        /// How long a connection may be silent.
        public var idleTimeout = Duration.seconds(10)

        /// The limits for small requests of unknown clients.
        public init() {}
    }

    /// What a server proves its name with, in PEM: the certificate, followed by what leads to its authority, and its
    /// key.
    public struct TLS: Sendable {
        let certificate: String
        let key: Secret<String>

        /// Pairs the two; whether they fit shows when a server takes them.
        public init(certificate: String, key: Secret<String>) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The certificate and the key given for TLS cannot be read, or are not each other's.
    public struct UnusableCertificate: Error, Equatable, Sendable, CustomStringConvertible {
        /// What to look at.
        public let description =
            "the HTTP server cannot use its certificate: the certificate or the key is not PEM, or they do not belong together"
    }

    /// Where it listens; for TCP with the port the kernel gave.
    public var address: SocketAddress { listener.address }
    private let listener: Listener
    private let loop: EpollLoop
    private let daemon: HTTPDaemon
    private let readiness: Stream
    private let logger: Logger
    private let handlers = TaskPool()
    private let hasClock = Lock(false)
    /// How often in a row libmicrohttpd looks at every connection that is ready.
    private static let roundsPerTurn = 4
    private let handler: @Sendable (HTTPRequest) async -> HTTPResponse

    /// A server of the connections that come to `listener`; each request is answered by `handler`.
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

    /// Serves until cancelled; then answers what was asked, and closes every connection.
    ///
    /// - Throws: `CancellationError`, or what the listener fails with.
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
                // At once, so that its request, if it has come with it, is in the works before others come.
                turn()
            } else {
                logger.warning("Refused an HTTP connection: too many requests are in progress")
            }
        }
    }

    /// Lets libmicrohttpd do all that it can now, and starts what came of it.
    ///
    /// Due when its descriptor is ready, when a request has been answered, and when a
    /// connection may have been silent for too long.
    private func turn() {
        var rounds = 0
        while true {
            let (requests, wait) = daemon.run()
            for (id, request) in requests {
                handlers.start {
                    self.daemon.answer(id, await self.handler(request))
                    self.turn()
                }
            }
            rounds += 1
            guard let wait else { return }
            if wait > .zero { return scheduleTurn(after: wait) }
            // Busy connections must not keep the loop from everything else.
            if rounds == HTTPServer.roundsPerTurn { return _ = handlers.start { self.turn() } }
        }
    }

    /// Connections fall due in the order in which they were last heard of, so that the first
    /// moment asked for is never later than it should be.
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
