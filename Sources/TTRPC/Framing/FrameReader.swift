internal import LinuxIO

/// Reads frames from a stream, one after the other.
struct FrameReader {
    /// The bytes of a frame that the reader may hold without a reservation in the budget.
    private static let unreserved = ReceiveBuffer.windowLimit
    /// The number of frames after which other tasks on the loop run, because each frame is work for its receiver even
    /// if it is short. The stream limits the bytes.
    static let framesPerTurn = 256

    /// Whether a frame has begun and the reader waits for its rest.
    enum Pause: Equatable {
        case betweenFrames
        /// The number of the frame, counted from the connection's start.
        case insideFrame(Int)
    }

    private let stream: any ByteStream
    private let budget: FrameBudget?
    /// The reader calls this before each suspension.
    private let willWait: (Pause) -> Void
    private var decoder: FrameDecoder
    private var reservation = unreserved
    private var framesInTurn = 0

    init(
        _ stream: any ByteStream, received: [UInt8] = [], payloadLimit: Int = Frame.payloadLimit,
        budget: FrameBudget? = nil, willWait: @escaping (Pause) -> Void = { _ in }
    ) {
        decoder = FrameDecoder(payloadLimit: payloadLimit)
        decoder.append(received)
        self.stream = stream
        self.budget = budget
        self.willWait = willWait
    }

    /// The next frame, or nil at the end of the stream, even if the end cuts off a frame.
    mutating func next() async throws -> FrameDecoder.Found? {
        while true {
            if let found = decoder.findNext() {
                framesInTurn += 1
                if framesInTurn >= FrameReader.framesPerTurn {
                    framesInTurn = 0
                    try await stream.loop.checkpoint()
                }
                return found
            }
            if reservation > FrameReader.unreserved, decoder.wanted == 0 { giveBack() }
            try await reserve()
            // The loop reads until no bytes are available. A short read does not mean that for every stream.
            guard let read = unsafe try decoder.fill(reserving: reservation, { unsafe try stream.tryRead(into: $0) })
            else {
                decoder.trim()
                willWait(pause)
                try await stream.wait(for: .reading)
                framesInTurn = 0
                continue
            }
            if read == 0 { return nil }
        }
    }

    /// Passes the payload of the frame that ``next()`` found to the closure.
    func withPayload<Result, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try decoder.withFoundPayload(body)
    }

    /// The bytes that another reader of the stream needs first. `unprocessed` is the header of the frame that ``next()``
    /// returned last, if it was not processed.
    mutating func remainder(unprocessed: FrameHeader?) -> [UInt8] { decoder.remainder(unprocessed: unprocessed) }

    /// Returns the reserved bytes to the budget. The owner must call this at the end.
    mutating func giveBack() {
        guard reservation > FrameReader.unreserved else { return }
        decoder.trim()
        budget?.give(reservation)
        reservation = FrameReader.unreserved
    }

    private var pause: Pause { decoder.isInsideFrame ? .insideFrame(decoder.framesBegun) : .betweenFrames }

    private mutating func reserve() async throws {
        let wanted = decoder.wanted
        guard wanted > reservation, decoder.buffered >= reservation else { return }
        if let budget {
            willWait(pause)
            try await budget.take(wanted)
        }
        reservation = wanted
    }
}
