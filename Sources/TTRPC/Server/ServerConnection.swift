internal import LinuxIO
internal import Telemetry

/// One client and its calls.
final class ServerConnection: Sendable {
    private let stream: any ByteStream
    private let server: Server
    private let calls: CallTable
    private let queue: SendQueue
    private let timer: DeadlineTimer
    private let received: [UInt8]
    private let departure = Lock(Departure())

    /// How the connection is detached.
    private struct Departure {
        /// Whether the connection has ended here.
        var isOver = false
        /// Whom ``detach()`` has to answer, and the client's socket.
        var pending: (waiter: CheckedContinuation<DetachedClient?, Never>, socket: LinuxIO.Stream)?
        /// What was read and not used.
        var remainder: [UInt8] = []
    }

    /// `received` comes before the bytes of `stream`.
    init(_ stream: any ByteStream, received: [UInt8] = [], server: Server) {
        self.stream = stream
        self.received = received
        self.server = server
        calls = CallTable(limits: server.limits)
        queue = SendQueue(limit: server.limits.queuedResponseBytes)
        timer = DeadlineTimer(on: server.loop)
    }

    /// Returns when the connection and all its calls have ended, whichever side closed the connection, or when it is
    /// detached. Returns whether it is.
    func run() async -> Bool {
        await serve()
        let departure = departure.withLock { departure in
            departure.isOver = true
            return departure
        }
        guard let (waiter, socket) = departure.pending else { return false }
        waiter.resume(returning: DetachedClient(socket, received: departure.remainder))
        return true
    }

    /// Stops to serve the client, if no call is in flight and every answer is written, and leaves its connection open.
    /// Returns nil if the connection cannot be detached now.
    ///
    /// Ignores cancellation: the client must not be lost.
    func detach() async -> DetachedClient? {
        await withCheckedContinuation { waiter in if !beginDetaching(waiter) { waiter.resume(returning: nil) } }
    }

    private func beginDetaching(_ waiter: CheckedContinuation<DetachedClient?, Never>) -> Bool {
        guard let stream = stream as? LinuxIO.Stream, calls.isEmpty, queue.isEmpty else { return false }
        return departure.withLock { departure in
            guard !departure.isOver, departure.pending == nil, let released = try? stream.release(),
                let socket = try? LinuxIO.Stream(released, on: server.loop)
            else { return false }
            // The reader finds its stream closed, and ends.
            departure.pending = (waiter, socket)
            return true
        }
    }

    private var isLeaving: Bool { departure.withLock { $0.pending != nil } }

    private func serve() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.write() }
            group.addTask { await self.timer.run { self.fire($0) } }
            do {
                try await read(&group)
            } catch is StreamClosed, is CancellationError {
                // The timer, the writer or another task closed the stream. Each of them has reported the reason.
            } catch {
                server.logger.debug("A ttrpc connection failed.", [LogField("error", String(describing: error))])
            }
            queue.close()
            calls.endStreams()
            group.cancelAll()
        }
    }

    private func write() async {
        // The write fails if the client has disconnected.
        try? await queue.run(writingTo: stream)
        // The reader may wait for frames to arrive, or for its own frames to be sent.
        queue.close()
        stream.close()
    }

    private func fire(_ now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        let due = calls.expire(by: now)
        for stream in due.calls {
            queue.sendNow {
                $0.appendResponse(stream, status: Status(.deadlineExceeded, "the call's deadline has passed"))
            }
        }
        if due.isFrameLate {
            server.logger.debug("A ttrpc client did not finish its frame in time: its connection is closed.")
            stream.close()
        }
        return due.next
    }

    private func read(_ group: inout DiscardingTaskGroup) async throws {
        var reader = FrameReader(stream, received: received, budget: server.budget) { [calls, timer] pause in
            if let due = calls.noteFrame(pause) { timer.set(due) }
        }
        var unprocessed: FrameHeader?
        defer {
            departure.withLock { departure in
                guard departure.pending != nil else { return }
                departure.remainder = reader.remainder(unprocessed: unprocessed)
            }
            reader.giveBack()
        }
        while let found = try await reader.next() {
            if isLeaving {
                unprocessed = found.header
                return
            }
            switch found {
            case .oversized(let header): try await refuse(oversized: header)
            case .frame(let header) where header.kind == .request:
                do throws(Status) {
                    let accepted = try reader.withPayload { (bytes) throws(Status) in try accept(header, bytes) }
                    group.addTask { await self.perform(accepted) }
                } catch {
                    try await queue.send { $0.appendResponse(header.stream, status: error) }
                }
            case .frame(let header) where header.kind == .data:
                // An unknown stream may have ended a moment ago.
                guard let inbox = calls.inbox(of: header.stream) else { continue }
                try await deliver(reader.withPayload { copy($0) }, header, to: inbox)
            case .frame: break  // A response has no meaning for a server.
            }
        }
    }
}

extension ServerConnection {
    private struct Accepted {
        let stream: StreamID
        let route: Router.Route
        let call: Call
        let payload: [UInt8]
        let inbox: MessageInbox?
    }

    private func accept(_ header: FrameHeader, _ bytes: borrowing Span<UInt8>) throws(Status) -> Accepted {
        try calls.open(header.stream)
        let request: RequestLayout
        do throws(ProtobufError) {
            request = try RequestLayout(bytes)
        } catch {
            throw Status(.invalidArgument, "the request is malformed: \(error)")
        }
        let route = try server.router.route(request, in: bytes)
        let timeout = request.timeoutNanoseconds
        let deadline = timeout > 0 ? ContinuousClock.now.advanced(by: .nanoseconds(timeout)) : nil
        let payload = copy(bytes.extracting(request.payload))
        var inbox: MessageInbox?
        if case .streaming = route.handler {
            let box = MessageInbox(limit: server.limits.streamInboxBytes)
            // Without a payload, and if more messages follow, the request only opens the stream.
            if !payload.isEmpty || !header.flags.contains(.remoteOpen) { _ = box.put(payload) }
            if !header.flags.contains(.remoteOpen) { box.finish() }
            inbox = box
        }
        try calls.admit(header.stream, bytes: payload.count, deadline: deadline, inbox: inbox)
        if let deadline { timer.set(deadline) }
        let call = Call(
            service: route.service, method: route.method, metadata: request.metadata, deadline: deadline)
        return Accepted(stream: header.stream, route: route, call: call, payload: payload, inbox: inbox)
    }

    private func perform(_ accepted: Accepted) async {
        let stream = accepted.stream
        calls.begin(stream)
        defer { calls.remove(stream) }
        do {
            switch accepted.route.handler {
            case .unary(let serve):
                let payload = try await serve(accepted.call, accepted.payload)
                try await answer(stream) { $0.appendResponse(stream, payload: payload) }
            case .streaming(let serve):
                guard let inbox = accepted.inbox else { return }
                let messages = ServerStream(stream, inbox: inbox, queue: queue, calls: calls)
                try await serve(accepted.call, messages)
                try await answer(stream) { messages.appendEnd(to: &$0) }
            }
        } catch {
            let status = Status(describing: error)
            // The write fails if the client has disconnected.
            try? await answer(stream) { $0.appendResponse(stream, status: status) }
        }
    }

    private func answer(_ stream: StreamID, _ append: (inout [UInt8]) -> Void) async throws {
        guard calls.claimAnswer(stream) else { return }
        try await queue.send(append)
    }

    private func refuse(oversized header: FrameHeader) async throws {
        let text = "a frame of \(header.length) bytes is longer than \(Frame.payloadLimit)"
        let status = Status(.resourceExhausted, text)
        switch header.kind {
        case .request:
            try? calls.open(header.stream)
            try await queue.send { $0.appendResponse(header.stream, status: status) }
        case .data: calls.inbox(of: header.stream)?.finish(throwing: status)
        default: break
        }
    }

    private func deliver(_ message: [UInt8], _ header: FrameHeader, to inbox: MessageInbox) async throws {
        if !header.flags.contains(.noData), !inbox.put(message) {
            let limit = ContinuousClock.now.advanced(by: server.limits.streamStall)
            do {
                try await withDeadline(limit, on: server.loop) { try await inbox.putWhenRoom(message) }
            } catch is DeadlineExceeded {
                inbox.finish(throwing: Status(.resourceExhausted, "the stream's messages were not received in time"))
            }
        }
        if header.flags.contains(.remoteClosed) { inbox.finish() }
    }
}
