internal import LinuxIO

/// Frames on their way to one peer.
///
/// Each task appends the bytes of its frames; one task writes all gathered bytes with one
/// system call. When the peer does not read, those with frames wait in ``send(_:)``, so that
/// no more than the limit and one frame is ever held.
final class SendQueue: Sendable {
    /// What is kept for the next batch, rather than given back to the allocator.
    private static let keptCapacity = 64 << 10

    private struct State {
        var bytes: [UInt8] = []
        /// Written out, and kept for its memory.
        var spare: [UInt8] = []
        var isClosed = false
    }

    private let state = Lock(State())
    private let limit: Int
    private let arrivals = AsyncCondition()
    private let room = AsyncCondition()

    init(limit: Int) { self.limit = limit }

    /// Waits for room and lets `append` add one or more whole frames.
    ///
    /// Frames are sent in the order of the calls of `append`, which must be quick: others wait for it.
    /// - Throws: `StreamClosed`, `CancellationError`, or what `append` threw.
    func send<Result>(_ append: (inout [UInt8]) throws -> Result) async throws -> Result {
        while true {
            let generation = room.generation
            if let result = try self.append(append, upTo: limit) { return result }
            try Task.checkCancellation()
            await room.wait(past: generation)
            try Task.checkCancellation()
        }
    }

    /// Waits for room, which others may take before the caller does.
    func waitForRoom() async throws { try await send { _ in } }

    /// Adds a frame whether there is room or not; for the few that are short and must not wait.
    func sendNow(_ append: (inout [UInt8]) -> Void) {
        _ = try? self.append({ append(&$0) }, upTo: .max)
    }

    /// Writes what arrives to `stream` until closed.
    func run(writingTo stream: any ByteStream) async throws {
        while true {
            let generation = arrivals.generation
            let (batch, isClosed) = state.withLock { state in
                let batch = state.bytes
                state.bytes = state.spare
                state.spare = []
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

    /// Refuses further frames; ``run(writingTo:)`` returns once the present ones are written.
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
    /// Appends a response frame, or RESOURCE_EXHAUSTED when `payload` is too long for one.
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

    /// Appends a response frame that says why there is no payload.
    mutating func appendResponse(_ stream: StreamID, status: Status) {
        var status = status
        if status.message.utf8.count + status.details.count > Frame.payloadLimit / 2 {
            status.message = String(status.message.prefix(1024))
            status.details = []
        }
        Frame(stream: stream, .response, payload: ResponseEnvelope(status).encoded).encode(into: &self)
    }
}
