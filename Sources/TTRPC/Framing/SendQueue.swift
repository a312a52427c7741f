internal import LinuxIO

/// The frames that wait to be sent to one peer.
///
/// Each task appends the bytes of its frames. One task writes all collected bytes with one system call. If the peer
/// does not read, the tasks wait in ``send(_:)``. So the queue never holds more than the limit and one frame.
final class SendQueue: Sendable {
    /// The memory that is kept for the next batch and not returned to the allocator.
    private static let keptCapacity = 64 << 10

    private struct State {
        var bytes: [UInt8] = []
        /// The array of the last batch, which is kept for its memory.
        var spare: [UInt8] = []
        var isClosed = false
        var isWriting = false
    }

    private let state = Lock(State())
    private let limit: Int
    private let arrivals = AsyncCondition()
    private let room = AsyncCondition()

    init(limit: Int) { self.limit = limit }

    /// Waits for free space. Then `append` adds one or more complete frames.
    ///
    /// Frames are sent in the order of the calls of `append`. `append` must be fast, because other tasks wait for it.
    /// - Throws: `StreamClosed`, `CancellationError`, or the error of `append`.
    func send<Result>(_ append: (inout [UInt8]) throws -> Result) async throws -> Result {
        while true {
            let generation = room.generation
            if let result = try self.append(append, upTo: limit) { return result }
            try Task.checkCancellation()
            await room.wait(past: generation)
            try Task.checkCancellation()
        }
    }

    /// Waits for free space. Other tasks may take the space before the caller does.
    func waitForRoom() async throws { try await send { _ in } }

    /// Adds a frame even if there is no free space. Use this only for the few short frames that must not wait.
    func sendNow(_ append: (inout [UInt8]) -> Void) {
        _ = try? self.append({ append(&$0) }, upTo: .max)
    }

    /// Whether every frame has been written.
    var isEmpty: Bool { state.withLock { $0.bytes.isEmpty && !$0.isWriting } }

    /// Writes the queued frames to `stream` until the queue is closed.
    func run(writingTo stream: any ByteStream) async throws {
        while true {
            let generation = arrivals.generation
            let (batch, isClosed) = state.withLock { state in
                let batch = state.bytes
                state.bytes = state.spare
                state.spare = []
                state.isWriting = !batch.isEmpty
                return (batch, state.isClosed)
            }
            if batch.isEmpty {
                recycle(batch)
                if isClosed || Task.isCancelled { return }
                await arrivals.wait(past: generation)
                continue
            }
            room.notifyAll()
            try await stream.write(batch)
            recycle(batch)
        }
    }

    /// Refuses further frames. ``run(writingTo:)`` returns after it has written the queued frames.
    func close() {
        state.withLock { $0.isClosed = true }
        arrivals.notifyAll()
        room.notifyAll()
    }

    private func append<Result>(_ body: (inout [UInt8]) throws -> Result, upTo limit: Int) throws -> Result? {
        let (result, isFirst): (Result?, Bool) = try state.withLock { state in
            if state.isClosed { throw StreamClosed() }
            guard state.bytes.count < limit else { return (nil, false) }
            let isFirst = state.bytes.isEmpty
            return (try body(&state.bytes), isFirst && !state.bytes.isEmpty)
        }
        if isFirst { arrivals.notifyAll() }
        return result
    }

    private func recycle(_ batch: consuming [UInt8]) {
        guard batch.capacity > 0, batch.capacity <= SendQueue.keptCapacity else { return }
        batch.removeAll(keepingCapacity: true)
        let spare = batch
        state.withLock { $0.spare = spare }
    }
}

extension [UInt8] {
    /// Appends a response frame, or RESOURCE_EXHAUSTED if `payload` is too long for a frame.
    mutating func appendResponse(_ stream: StreamID, payload: [UInt8]) {
        let length = payload.isEmpty ? 0 : 1 + varintLength(payload.count) + payload.count
        guard length <= Frame.payloadLimit else {
            let text = "the response has \(payload.count) bytes, and a frame has room for \(Frame.payloadLimit)"
            return appendResponse(stream, status: Status(.resourceExhausted, text))
        }
        FrameHeader(length: length, stream: stream, kind: .response, flags: []).encode(into: &self)
        guard !payload.isEmpty else { return }
        append(0x12)  // Field 2, length-delimited.
        appendVarint(UInt64(payload.count))
        append(contentsOf: payload)
    }

    /// Appends a response frame with the reason why there is no payload.
    mutating func appendResponse(_ stream: StreamID, status: Status) {
        var status = status
        if status.message.utf8.count + status.details.count > Frame.payloadLimit / 2 {
            status.message = String(status.message.prefix(1024))
            status.details = []
        }
        Frame(stream: stream, .response, payload: ResponseEnvelope(status).encoded).encode(into: &self)
    }
}
