internal import LinuxIO

/// Takes frames off a stream, one after the other.
struct FrameReader {
    /// Bytes of a frame that may be held without asking the budget.
    private static let unreserved = ReceiveBuffer.windowLimit
    /// Frames in a row before others on the loop get their turn: each is work for its receiver, however short it is.
    /// How many bytes come in a row the stream sees to.
    static let framesPerTurn = 256

    /// Whether a frame has begun and the rest is being waited for.
    enum Pause: Equatable {
        case betweenFrames
        /// The number of the frame, counted from the connection's start.
        case insideFrame(Int)
    }

    private let stream: any ByteStream
    private let budget: FrameBudget?
    /// Called before each suspension.
    private let willWait: (Pause) -> Void
    private var decoder: FrameDecoder
    private var reservation = unreserved
    private var framesInTurn = 0

    init(
        _ stream: any ByteStream, payloadLimit: Int = Frame.payloadLimit, budget: FrameBudget? = nil,
        willWait: @escaping (Pause) -> Void = { _ in }
    ) {
        decoder = FrameDecoder(payloadLimit: payloadLimit)
        self.stream = stream
        self.budget = budget
        self.willWait = willWait
    }

    /// The next frame, or nil at the end of the stream, also if a frame is cut off there.
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
            // Until there is nothing more: a short read need not mean that with every stream.
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

    /// The payload of the frame that ``next()`` found.
    func withPayload<Result, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try decoder.withFoundPayload(body)
    }

    /// Gives back what the budget lent; must be called at the end.
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
