/// Finds frames in bytes that arrive in any pieces. It does no I/O and owns no
/// clock, so every test of it is a list of arrays.
///
/// What cannot be used is passed over without being held in memory: payloads over
/// the limit, and frames of a kind that this version does not know.
public struct FrameDecoder: Sendable {
    /// What was found.
    public enum Event: Equatable, Sendable {
        case frame(Frame)
        /// A payload over the limit: skipped whole, so that the connection lives on
        /// and this one stream can be told so.
        case oversized(FrameHeader)
    }

    /// An ``Event`` whose payload still lies in the decoder.
    enum Found: Equatable {
        case frame(FrameHeader)
        case oversized(FrameHeader)
    }

    private enum State: Equatable {
        case awaitingHeader
        case awaitingPayload(FrameHeader)
        case skipping(remaining: Int)
    }

    private var state = State.awaitingHeader
    private var buffer = ReceiveBuffer()
    /// How long the frame found last still lies at the front of the buffer.
    private var found = 0
    /// How many headers have been seen.
    private(set) var framesBegun = 0
    private let payloadLimit: Int

    /// Starts between two frames; payloads over `payloadLimit`, which is at most ``Frame/payloadLimit``, are passed over.
    public init(payloadLimit: Int = Frame.payloadLimit) { self.payloadLimit = min(payloadLimit, Frame.payloadLimit) }

    /// Takes the bytes that came next.
    public mutating func append(_ bytes: some Collection<UInt8>) {
        discardFound()
        buffer.append(bytes)
    }

    /// The next whole event, or nil until more bytes come.
    public mutating func next() -> Event? {
        switch findNext() {
        case .frame(let header):
            let payload = withFoundPayload { copy($0) }
            return .frame(Frame(stream: header.stream, header.kind, flags: header.flags, payload: payload))
        case .oversized(let header): return .oversized(header)
        case nil: return nil
        }
    }

    /// Whether a frame has begun and not yet ended.
    public var isInsideFrame: Bool {
        switch state {
        case .awaitingHeader: buffer.count > found
        case .awaitingPayload, .skipping: true
        }
    }

    mutating func findNext() -> Found? {
        discardFound()
        while true {
            switch state {
            case .awaitingHeader:
                guard buffer.count >= FrameHeader.size else { return nil }
                let header = buffer.withBytes { FrameHeader($0) }
                buffer.removeFirst(FrameHeader.size)
                framesBegun &+= 1
                if header.kind.isKnown, header.length <= payloadLimit {
                    state = .awaitingPayload(header)
                } else {
                    state = .skipping(remaining: header.length)
                    if header.kind.isKnown { return .oversized(header) }
                }
            case .awaitingPayload(let header):
                guard buffer.count >= header.length else { return nil }
                state = .awaitingHeader
                found = header.length
                return .frame(header)
            case .skipping(let remaining):
                let skipped = min(remaining, buffer.count)
                buffer.removeFirst(skipped)
                state = skipped == remaining ? .awaitingHeader : .skipping(remaining: remaining - skipped)
                if skipped < remaining { return nil }
            }
        }
    }

    /// The payload of the frame that ``findNext()`` found last.
    func withFoundPayload<Result, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try buffer.withBytes { (bytes) throws(Failure) in try body(bytes.extracting(first: found)) }
    }

    private mutating func discardFound() {
        buffer.removeFirst(found)
        found = 0
    }
}

extension FrameDecoder {
    /// How many bytes the frame that has begun needs in the buffer.
    var wanted: Int {
        if case .awaitingPayload(let header) = state { header.length } else { 0 }
    }

    /// How many bytes the buffer holds.
    var buffered: Int { buffer.count - found }

    /// Lets `read` put bytes behind those that are there; returns what it returns.
    ///
    /// The room is what the frame that has begun needs, but not more than `reservation`, or
    /// a window that grows with the traffic up to ``ReceiveBuffer/windowLimit``.
    mutating func fill(
        reserving reservation: Int, _ read: (UnsafeMutableRawBufferPointer) throws -> Int?
    ) rethrows -> Int? {
        discardFound()
        return unsafe try buffer.fill(wanting: min(wanted, reservation), read)
    }

    /// Gives back memory that an idle connection should not hold.
    mutating func trim() {
        discardFound()
        buffer.trim()
    }
}
