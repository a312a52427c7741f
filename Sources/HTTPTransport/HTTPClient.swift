public import LinuxIO
public import Telemetry

/// An HTTP client on a loop, without a thread of its own.
///
/// libcurl speaks the protocol, HTTP/2 where TLS offers it, and keeps connections for the next request; we drive it
/// when its sockets or its clock say so. Only its name resolution has a thread, for as long as a name takes.
///
/// A transfer is not repeated and no redirect is followed in here: what comes back, an answer or an error that says
/// whether the server can have acted, is for the caller, and ``RetryPolicy``, to judge.
public final class HTTPClient: HTTPSender {
    /// How a client goes about it.
    public struct Options: Sendable {
        /// What servers read as `User-Agent`.
        public var userAgent = "cloud-api-adaptor"
        /// How long it may take to resolve a name, connect and agree on TLS.
        public var connectTimeout = Duration.seconds(10)
        /// PEM file of the authorities to trust; nil for the environment's or, failing that, the system's.
        public var authorityFile: String?
        /// Requests to one host at once; more wait. Without HTTP/2 each has a connection.
        public var connectionsPerHost = 32
        /// Where variables such as `https_proxy`, `no_proxy` and `CURL_CA_BUNDLE` are read, as the curl program reads
        /// them.
        public var environment = Environment.all

        /// What suits a cloud's control plane.
        public init() {}
    }

    private struct Pending {
        let request: OutgoingRequest
        let origin: Origin
        let waiter: CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>
    }

    private struct State: ~Copyable {
        /// Nil once the client has stopped.
        var curl: CurlMulti?
        var queues: HostQueues
        var pending: [HostQueues.ID: Pending] = [:]
        var nextID: HostQueues.ID = 0
    }

    private let loop: EpollLoop
    private let logger: Logger
    private let descriptors: DescriptorSet
    private let state: Lock<State>

    /// A client that ``run()`` will drive.
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

    /// Makes transfers go on until cancelled; then fails those that have not ended, and closes every connection.
    ///
    /// - Throws: `CancellationError`, or ``LoopStopped``.
    public func run() async throws {
        defer { stop() }
        while true {
            try await descriptors.wait()
            // Busy servers must not keep the loop from everything else; libcurl bounds what it reads in one go.
            while turn() { try await loop.checkpoint() }
        }
    }

    /// The answer, whatever its status, or why there is none.
    ///
    /// Before ``run()`` it waits; after it, it fails.
    public func send(_ request: OutgoingRequest) async throws(HTTPError) -> HTTPResponse {
        let origin = try request.origin()
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let outcome = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard (try? await self.loop.sleep(for: request.timeLimit)) != nil else { return }
                self.end(id, .deadline, "the answer was not complete within \(request.timeLimit)")
            }
            defer { group.cancelAll() }
            return await self.outcome(id, request, origin)
        }
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

    /// Calls a request off, if it has not ended.
    private func end(_ id: HostQueues.ID, _ reason: HTTPError.Reason, _ text: String) {
        let ended: (Pending, HTTPError.Effect)? = state.withLock { state in
            let effect = state.curl?.remove(id) ?? .notSent
            return HTTPClient.take(id, &state).map { ($0, effect) }
        }
        guard let (pending, effect) = ended else { return }
        pending.waiter.resume(returning: .failure(HTTPError(effect, reason, "\(pending.origin): \(text)")))
    }

    /// Lets libcurl do some of what it can now; false when that is nothing.
    private func turn() -> Bool {
        let ended: [(Pending, Result<HTTPResponse, HTTPError>)]? = state.withLock { state in
            guard let ended = state.curl?.turn() else { return nil }
            return ended.compactMap { id, outcome in HTTPClient.take(id, &state).map { ($0, outcome) } }
        }
        guard let ended else { return false }
        for (pending, outcome) in ended { pending.waiter.resume(returning: outcome) }
        return true
    }

    /// Takes a request out, and begins the one that waited for its place.
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
