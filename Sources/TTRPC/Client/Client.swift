public import LinuxIO

/// Calls methods of the server at the other end of one connection.
///
///     let answer = try await Client.with(stream, on: loop) { client in
///         try await client.call("grpc.Health", "Check", request, timeout: .seconds(30))
///     }
///
/// Any number of calls may be in flight. Each call is cancelled with its task. ttrpc has no message that cancels a call
/// at the server. The server cancels a call only when the connection closes.
///
/// Concurrency: any thread may call the methods. All other work happens in ``run()``.
public final class Client: Sendable {
    private struct State {
        var nextStream: UInt32 = 1
        var pending: [StreamID: PendingCall] = [:]
        var end: Status?
    }

    /// The maximum bytes of requests that wait for the server to read them. Further calls wait.
    private static let queuedRequestBytes = 256 << 10
    /// The maximum bytes of a stream's messages that wait to be received. Further messages block the connection.
    private static let inboxBytes = 1 << 20

    private let stream: any ByteStream
    private let loop: EpollLoop
    /// The limits for the server's answers.
    public let limits: ClientLimits
    private let state = Lock(State())
    private let queue = SendQueue(limit: queuedRequestBytes)
    private let timer: DeadlineTimer

    /// Makes a client. A task must run ``run()``, otherwise no call ends.
    public init(_ stream: any ByteStream, on loop: EpollLoop, limits: ClientLimits = .standard) {
        self.stream = stream
        self.loop = loop
        self.limits = limits
        timer = DeadlineTimer(on: loop)
    }

    /// Runs a client while `body` runs, then closes the connection.
    public static func with<Result>(
        _ stream: any ByteStream, on loop: EpollLoop, limits: ClientLimits = .standard,
        _ body: (Client) async throws -> Result
    ) async throws -> Result {
        let client = Client(stream, on: loop, limits: limits)
        async let _: Void = client.run()
        defer { client.close() }
        return try await body(client)
    }

    /// Sends requests and receives responses until the connection ends. Then it closes the connection.
    ///
    /// Calls in flight and later calls then fail with UNAVAILABLE.
    public func run() async {
        await withTaskExecutorPreference(loop) {
            await withDiscardingTaskGroup { group in
                group.addTask { await self.write() }
                group.addTask { await self.timer.run { self.fire($0) } }
                let reason: String
                do {
                    try await self.read()
                    reason = "the server closed the connection"
                } catch is StreamClosed {
                    reason = "the connection is closed"
                } catch {
                    reason = "the connection failed: \(error)"
                }
                self.end(Status(.unavailable, reason))
                group.cancelAll()
            }
        }
    }

    /// Whether the connection has ended. Later calls fail with UNAVAILABLE.
    public var hasEnded: Bool { state.withLock { $0.end != nil } }

    /// Closes the connection. Idempotent.
    public func close() {
        end(Status(.unavailable, "the connection is closed"))
        stream.close()
    }

    /// Calls a unary method with an encoded message, and returns the encoded response.
    ///
    /// The server receives `timeout`. After the timeout the call ends here, whether the server answers or not.
    /// - Throws: ``Status`` (the server's own, DEADLINE_EXCEEDED, UNAVAILABLE when the connection ends,
    ///   RESOURCE_EXHAUSTED when the request is too long), or `CancellationError`.
    public func call(
        _ service: String, _ method: String, _ request: [UInt8], timeout: Duration? = nil,
        metadata: Metadata = .init()
    ) async throws -> [UInt8] {
        let deadline = timeout.map { ContinuousClock.now.advanced(by: $0) }
        let envelope = try Client.encode(service, method, request, timeout, metadata)
        try await waitForRoom()
        let slot = Lock<StreamID?>(nil)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                let started = start(.call(continuation, deadline: deadline), flags: [], envelope)
                switch started {
                case .failure(let refusal): continuation.resume(throwing: refusal)
                case .success(let stream):
                    slot.withLock { $0 = stream }
                    // The task was cancelled before the call was in the table.
                    if Task.isCancelled { cancel(stream) }
                }
            }
        } onCancel: {
            if let stream = slot.withLock({ $0 }) { cancel(stream) }
        }
    }

    /// Opens a stream to a streaming method.
    ///
    /// `request` is the first message. Without `request`, all messages are sent on the stream. If no more messages
    /// follow (`sendsMore`), the server is told so with the request. Throws as ``call(_:_:_:timeout:metadata:)`` does.
    public func stream(
        _ service: String, _ method: String, _ request: [UInt8]? = nil, sendsMore: Bool = true,
        timeout: Duration? = nil, metadata: Metadata = .init()
    ) async throws -> ClientStream {
        let deadline = timeout.map { ContinuousClock.now.advanced(by: $0) }
        let envelope = try Client.encode(service, method, request ?? [], timeout, metadata)
        try await waitForRoom()
        let inbox = MessageInbox(limit: Client.inboxBytes)
        let flags: Frame.Flags = sendsMore ? .remoteOpen : .remoteClosed
        let stream = try start(.stream(inbox, deadline: deadline), flags: flags, envelope).get()
        return ClientStream(stream, sendsMore: sendsMore, inbox: inbox, queue: queue, client: self)
    }
}

extension Client {
    private static func encode(
        _ service: String, _ method: String, _ request: [UInt8], _ timeout: Duration?, _ metadata: Metadata
    ) throws(Status) -> [UInt8] {
        // A deadline that has passed must not be sent as 0, which means "no limit".
        let timeoutNanoseconds = timeout.map { max(1, $0.wholeNanoseconds) } ?? 0
        let envelope = RequestEnvelope(
            service: service, method: method, payload: request, timeoutNanoseconds: timeoutNanoseconds,
            metadata: metadata
        ).encoded
        try Frame.checkLength(of: envelope)
        return envelope
    }

    private func waitForRoom() async throws {
        try Task.checkCancellation()
        do {
            try await queue.waitForRoom()
        } catch is StreamClosed {
            throw state.withLock { $0.end } ?? Status(.unavailable, "the connection is closed")
        }
    }

    /// Takes the next id and sends the request with it. This is one step, because ids must increase on the wire.
    private func start(_ pending: PendingCall, flags: Frame.Flags, _ envelope: [UInt8]) -> Result<StreamID, Status> {
        var result = Result<StreamID, Status>.failure(Status(.unavailable, "the connection is closed"))
        queue.sendNow { bytes in
            result = register(pending)
            guard case .success(let stream) = result else { return }
            let header = FrameHeader(length: envelope.count, stream: stream, kind: .request, flags: flags)
            header.encode(into: &bytes)
            bytes.append(contentsOf: envelope)
        }
        if case .failure = result, let end = state.withLock({ $0.end }) { return .failure(end) }
        if case .success = result, let deadline = pending.deadline { timer.set(deadline) }
        return result
    }

    private func register(_ pending: PendingCall) -> Result<StreamID, Status> {
        state.withLock { state in
            if let end = state.end { return .failure(end) }
            guard state.nextStream < .max - 1 else {
                return .failure(Status(.unavailable, "the connection has used up its stream ids: open another"))
            }
            let stream = StreamID(rawValue: state.nextStream)
            state.nextStream += 2
            state.pending[stream] = pending
            return .success(stream)
        }
    }

    /// Removes a call. Its answer will be ignored.
    func cancel(_ stream: StreamID) { take(stream)?.fail(CancellationError()) }

    private func take(_ stream: StreamID) -> PendingCall? {
        state.withLock { $0.pending.removeValue(forKey: stream) }
    }

    private func end(_ status: Status) {
        let orphans = state.withLock { state in
            if state.end == nil { state.end = status }
            defer { state.pending = [:] }
            return state.pending
        }
        for pending in orphans.values { pending.fail(status) }
        queue.close()
    }

    private func fire(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let (late, next) = state.withLock { state in
            var late: [PendingCall] = []
            var next: ContinuousClock.Instant?
            for (stream, pending) in state.pending {
                guard let deadline = pending.deadline else { continue }
                if deadline <= now {
                    late.append(pending)
                    state.pending[stream] = nil
                } else {
                    next = min(next ?? deadline, deadline)
                }
            }
            return (late, next)
        }
        for pending in late { pending.fail(Status(.deadlineExceeded, "the server did not answer before the deadline")) }
        return next
    }

    private func write() async {
        try? await queue.run(writingTo: stream)
        queue.close()
        stream.close()
    }

    private func read() async throws {
        var reader = FrameReader(stream, payloadLimit: limits.answerBytes)
        while let found = try await reader.next() {
            switch found {
            case .oversized(let header):
                let text =
                    "the server's answer has \(header.length) bytes, more than the limit of \(limits.answerBytes)"
                take(header.stream)?.fail(Status(.resourceExhausted, text))
            case .frame(let header) where header.kind == .response:
                // The stream is unknown if its caller has been cancelled.
                guard let pending = take(header.stream) else { continue }
                pending.end(with: reader.withPayload { Client.response($0) })
            case .frame(let header) where header.kind == .data:
                guard case .stream(let inbox, _) = state.withLock({ $0.pending[header.stream] }) else { continue }
                if !header.flags.contains(.noData) { try await inbox.putWhenRoom(reader.withPayload { copy($0) }) }
                if header.flags.contains(.remoteClosed) {
                    _ = take(header.stream)
                    inbox.finish()
                }
            case .frame: break  // A server sends no requests.
            }
        }
    }

    private static func response(_ bytes: borrowing Span<UInt8>) -> Result<[UInt8], Status> {
        do throws(ProtobufError) {
            let layout = try ResponseLayout(bytes)
            if let status = layout.status, status.code != .ok { return .failure(status) }
            return .success(copy(bytes.extracting(layout.payload)))
        } catch {
            return .failure(Status(.internal, "the response is malformed: \(error)"))
        }
    }
}
