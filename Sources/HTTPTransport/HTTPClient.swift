public import LinuxIO
public import Telemetry

/// An HTTP client on an event loop, without a thread of its own.
///
/// libcurl implements the protocol, with HTTP/2 where TLS negotiates it, and keeps connections for the next request.
/// The client calls libcurl when a socket is ready or a timer expires. Only libcurl's name resolution uses a thread.
///
/// The client repeats no transfer and follows no redirect. It returns an answer, or an error that says whether the
/// server may have executed the request. The caller decides with ``RetryPolicy`` whether to repeat the request.
public final class HTTPClient: HTTPSender {
    /// The settings of a client.
    public struct Options: Sendable {
        /// The value of the header `User-Agent`.
        public var userAgent = "cloud-api-adaptor"
        /// The time limit for name resolution, connection and TLS handshake together.
        public var connectTimeout = Duration.seconds(10)
        /// The PEM file of the trusted authorities. Nil means the environment's file, or the system's if there is none.
        public var authorityFile: String?
        /// The trusted authorities in PEM, in place of a file.
        public var authorities: String?
        /// What the client shows to servers that ask for a certificate.
        public var clientCertificate: ClientCertificate?
        /// Where all requests go, whatever their URL says. The URL's host stays the name in the server's certificate.
        public var connection: Connection?
        /// The limit of simultaneous requests to one host; further requests wait. Without HTTP/2 each has a connection.
        public var connectionsPerHost = 32
        /// The environment with variables such as `https_proxy`, `no_proxy` and `CURL_CA_BUNDLE`. They mean the same as
        /// for the curl program.
        public var environment = Environment.all

        /// Makes settings for requests to a cloud's control plane.
        public init() {}
    }

    /// A certificate chain and its key, in PEM.
    public struct ClientCertificate: Equatable, Sendable {
        let chain: String
        let key: Secret<String>

        /// Pairs a chain and a key. A pair that does not match fails each request.
        public init(chain: String, key: Secret<String>) {
            self.chain = chain
            self.key = key
        }
    }

    /// A host and a port.
    public struct Connection: Equatable, Sendable {
        let host: String
        let port: Int

        /// Names a host, an IPv6 address without brackets.
        public init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    private struct Pending {
        let request: OutgoingRequest
        let origin: Origin
        let waiter: CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>
    }

    private struct State: ~Copyable {
        /// The libcurl handle; nil after the client has stopped.
        var curl: CurlMulti?
        var queues: HostQueues
        var pending: [HostQueues.ID: Pending] = [:]
        var nextID: HostQueues.ID = 0
    }

    private let loop: EpollLoop
    private let logger: Logger
    private let descriptors: DescriptorSet
    private let state: Lock<State>

    /// Makes a client. Its requests start when ``run()`` is called.
    ///
    /// - Throws: ``SystemCallError`` when descriptors have run out.
    public init(_ options: Options = Options(), on loop: EpollLoop, logger: Logger = .silent) throws(SystemCallError) {
        self.loop = loop
        self.logger = logger
        descriptors = try DescriptorSet(on: loop)
        state = Lock(
            State(
                curl: CurlMulti(options, watchedBy: descriptors),
                queues: HostQueues(limit: options.connectionsPerHost)))
    }

    /// Runs transfers until cancelled; then fails the transfers that have not ended, and closes all connections.
    ///
    /// - Throws: `CancellationError`, or ``LoopStopped``.
    public func run() async throws {
        defer { stop() }
        while true {
            try await descriptors.wait()
            // Busy servers must not block the loop's other tasks; libcurl limits what it reads in one call.
            while turn() { try await loop.checkpoint() }
        }
    }

    /// Sends a request, and returns the answer with any status.
    ///
    /// A request before ``run()`` waits. A request after the end of ``run()`` fails.
    public func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
        let origin = try request.origin()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        #if DEBUG
            CrashPoint.reach("before \(request.method) \(request.url)")
        #endif
        let outcome = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard (try? await self.loop.sleep(for: request.timeLimit)) != nil else { return }
                self.end(id, .deadline, "the answer was not complete within \(request.timeLimit)")
            }
            defer { group.cancelAll() }
            return await self.outcome(id, request, origin)
        }
        #if DEBUG
            CrashPoint.reach("after \(request.method) \(request.url)")
        #endif
        if case .failure(let error) = outcome {
            logger.debug("an HTTP request has failed", [.init("method", request.method), .init("error", error)])
        }
        return try outcome.get()
    }

    private func outcome(
        _ id: HostQueues.ID, _ request: OutgoingRequest, _ origin: Origin
    ) async -> Result<HTTPResponse, HTTPError> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let refusal: HTTPError? = state.withLock { state in
                    if Task.isCancelled { return HTTPError(.notSent, .cancelled, "\(origin): cancelled") }
                    if state.curl == nil { return .stopped(.notSent, origin) }
                    state.pending[id] = Pending(request: request, origin: origin, waiter: waiter)
                    if state.queues.enter(id, origin) { state.curl?.add(id, request, to: origin) }
                    return nil
                }
                if let refusal { waiter.resume(returning: .failure(refusal)) }
            }
        } onCancel: {
            end(id, .cancelled, "cancelled")
        }
    }

    /// Cancels a request, if it has not ended.
    private func end(_ id: HostQueues.ID, _ reason: HTTPError.Reason, _ text: String) {
        let ended: (Pending, HTTPError.Effect)? = state.withLock { state in
            let effect = state.curl?.remove(id) ?? .notSent
            return HTTPClient.take(id, &state).map { ($0, effect) }
        }
        guard let (pending, effect) = ended else { return }
        pending.waiter.resume(returning: .failure(HTTPError(effect, reason, "\(pending.origin): \(text)")))
    }

    /// Lets libcurl do a part of the work that is possible now; false if there is no work.
    private func turn() -> Bool {
        let ended: [(Pending, Result<HTTPResponse, HTTPError>)]? = state.withLock { state in
            guard let ended = state.curl?.turn() else { return nil }
            return ended.compactMap { id, outcome in HTTPClient.take(id, &state).map { ($0, outcome) } }
        }
        guard let ended else { return false }
        for (pending, outcome) in ended { pending.waiter.resume(returning: outcome) }
        return true
    }

    /// Removes a request, and starts the request that waited for its place.
    private static func take(_ id: HostQueues.ID, _ state: inout State) -> Pending? {
        if let next = state.queues.leave(id), let waiting = state.pending[next] {
            state.curl?.add(next, waiting.request, to: waiting.origin)
        }
        return state.pending.removeValue(forKey: id)
    }

    private func stop() {
        let left: [(Pending, HTTPError.Effect)] = state.withLock { state in
            let left = state.pending.map { id, pending in (pending, state.curl?.remove(id) ?? .notSent) }
            state.pending = [:]
            state.curl = nil
            return left
        }
        descriptors.close()
        for (pending, effect) in left {
            pending.waiter.resume(returning: .failure(.stopped(effect, pending.origin)))
        }
    }
}

extension HTTPError {
    fileprivate static func stopped(_ effect: Effect, _ origin: Origin) -> HTTPError {
        HTTPError(effect, .client, "\(origin): the HTTP client has stopped")
    }
}
