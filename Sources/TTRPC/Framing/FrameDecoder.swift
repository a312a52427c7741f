/// Finds frames in bytes that arrive in pieces of any size. The decoder does no I/O and uses no clock, so its tests
/// need only arrays.
///
/// The decoder skips unusable bytes without storing them: payloads over the limit, and frames of an unknown kind.
public struct FrameDecoder: Sendable {
    /// The result of the search.
    public enum Event: Equatable, Sendable {
        case frame(Frame)
        /// A payload over the limit. The decoder skips it completely, so the connection continues and only this stream
        /// is refused.
        case oversized(FrameHeader)
    }

    /// An ``Event`` whose payload is still in the decoder.
    enum Found: Equatable {
        case frame(FrameHeader)
        case oversized(FrameHeader)

        var header: FrameHeader {
            switch self {
            case .frame(let header), .oversized(let header): header
            }
        }
    }

    private enum State: Equatable {
        case awaitingHeader
        case awaitingPayload(FrameHeader)
        case skipping(remaining: Int)
    }

    private var state = State.awaitingHeader
    private var buffer = ReceiveBuffer()
    /// The number of bytes of the last found frame that are still at the front of the buffer.
    private var found = 0
    /// The number of received headers.
    private(set) var framesBegun = 0
    private let payloadLimit: Int

    /// Makes a decoder that expects a header. It skips payloads over `payloadLimit`, which is limited to
    /// ``Frame/payloadLimit``.
    public init(payloadLimit: Int = Frame.payloadLimit) { self.payloadLimit = min(payloadLimit, Frame.payloadLimit) }

    /// Adds the next bytes.
    public mutating func append(_ bytes: some Collection<UInt8>) {
        discardFound()
        buffer.append(bytes)
    }

    /// The next complete event, or nil until more bytes arrive.
    public mutating func next() -> Event? {
        switch findNext() {
        case .frame(let header):
            let payload = withFoundPayload { copy($0) }
            return .frame(Frame(stream: header.stream, header.kind, flags: header.flags, payload: payload))
        case .oversized(let header): return .oversized(header)
        case nil: return nil
        }
    }

    /// Whether a frame has begun and has not ended.
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

    /// Passes the payload of the frame that ``findNext()`` found last to the closure.
    func withFoundPayload<Result, Failure: Error>(
        _ body: (borrowing Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try buffer.withBytes { (bytes) throws(Failure) in try body(bytes.extracting(first: found)) }
    }

    /// The bytes from which another decoder continues at the same place. `unprocessed` is the header that ``findNext()``
    /// returned last, if its frame was not processed.
    mutating func remainder(unprocessed: FrameHeader?) -> [UInt8] {
        if unprocessed == nil { discardFound() }
        var bytes: [UInt8] = []
        switch (unprocessed, state) {
        case (let header?, _), (nil, .awaitingPayload(let header)): header.encode(into: &bytes)
        case (nil, .awaitingHeader): break
        case (nil, .skipping(let remaining)):
            // A frame of an unknown kind is skipped.
            FrameHeader(length: remaining, stream: StreamID(rawValue: 0), kind: Frame.Kind(rawValue: 0), flags: [])
                .encode(into: &bytes)
        }
        return bytes + buffer.withBytes { copy($0) }
    }

    private mutating func discardFound() {
        buffer.removeFirst(found)
        found = 0
    }
}

extension FrameDecoder {
    /// The number of bytes that the current frame needs in the buffer.
    var wanted: Int {
        if case .awaitingPayload(let header) = state { header.length } else { 0 }
    }

    /// The number of bytes in the buffer.
    var buffered: Int { buffer.count - found }

    /// Lets `read` append bytes to the buffer. Returns the result of `read`.
    ///
    /// The free space is the size that the current frame needs, but at most `reservation`. Otherwise it is a window
    /// that grows with the traffic up to ``ReceiveBuffer/windowLimit``.
    mutating func fill(
        reserving reservation: Int, _ read: (UnsafeMutableRawBufferPointer) throws -> Int?
    ) rethrows -> Int? {
        discardFound()
        return unsafe try buffer.fill(wanting: min(wanted, reservation), read)
    }

    /// Releases memory that an idle connection should not hold.
    mutating func trim() {
        discardFound()
        buffer.trim()
    }
}
