/// The header of one frame of a session. A data frame's payload follows it.
///
///     +--------+----------+-------------+- - - - -
///     | kind 8 | value 24 | consumed 64 | payload
///     +--------+----------+-------------+- - - - -      big-endian
///
/// `docs/session.md` describes the protocol.
package struct SessionFrame: Equatable, Sendable {
    /// What a frame is for.
    package enum Kind: UInt8, CaseIterable, Sendable {
        /// `value` bytes of the stream follow.
        case data = 1
        /// Only reports `consumed`.
        case acknowledgement = 2
        /// Requests a ``pong``.
        case ping = 3
        case pong = 4
        /// The sender's stream has ended. Counts as one byte of the stream.
        case end = 5
        /// The session ends now. `value` is a ``SessionEnd`` as a number.
        case close = 6
    }

    /// Bytes in a header.
    static let headerSize = 12
    /// The most bytes of payload.
    package static let payloadLimit = 256 << 10

    /// What the frame carries or asks for.
    package let kind: Kind
    /// The length of a data frame's payload, the reason of ``Kind/close``, otherwise 0.
    package let value: Int
    /// The number of bytes of the other direction that the sender has passed on.
    package let consumed: UInt64

    /// Makes a header. `value` is less than 2^24.
    package init(_ kind: Kind, value: Int = 0, consumed: UInt64) {
        self.kind = kind
        self.value = value
        self.consumed = consumed
    }

    /// Reads the two words of a header.
    ///
    /// - Throws: ``SessionFault``.
    init(_ first: UInt32, _ consumed: UInt64) throws(SessionFault) {
        guard let kind = Kind(rawValue: UInt8(first >> 24)) else { throw .unknownFrame(UInt8(first >> 24)) }
        let value = Int(first & 0xFF_FFFF)
        let isPossible =
            switch kind {
            case .data: (1...SessionFrame.payloadLimit).contains(value)
            case .close: true
            case .acknowledgement, .ping, .pong, .end: value == 0
            }
        guard isPossible else { throw .impossibleValue(kind, value) }
        self.init(kind, value: value, consumed: consumed)
    }

    /// Passes the header's bytes to `body`.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        // The number of consumed bytes is in two halves, so that the tuple has no padding.
        let words = (
            (UInt32(kind.rawValue) << 24 | UInt32(value)).bigEndian,
            UInt32(truncatingIfNeeded: consumed >> 32).bigEndian, UInt32(truncatingIfNeeded: consumed).bigEndian
        )
        return try unsafe withUnsafeBytes(of: words, body)
    }
}

/// Finds the frames in the bytes of one connection, however the bytes are cut. It holds no payload.
package struct SessionFrameReader: Sendable {
    private var words: (UInt32, UInt32, UInt32) = (0, 0, 0)
    private var count = 0
    /// The bytes of the current frame's payload that have not been read yet. While it is positive, the next bytes of
    /// the connection are payload.
    package private(set) var payloadLeft = 0

    /// Makes a reader at the start of a frame.
    package init() {}

    /// Reads a header with `read`, which has the results of `ByteStream.tryRead`. Returns nil until it is complete.
    ///
    /// `atEnd` is called when `read` returns 0.
    /// - Throws: ``SessionFault``, or the error of `read`.
    package mutating func header(
        _ read: (UnsafeMutableRawBufferPointer) throws -> Int?, atEnd: () throws -> Void
    ) throws -> SessionFrame? {
        let start = count
        let added = try unsafe withUnsafeMutableBytes(of: &words) { bytes in
            unsafe try read(UnsafeMutableRawBufferPointer(rebasing: bytes[start...]))
        }
        if added == 0 { try atEnd() }
        count += added ?? 0
        if count < SessionFrame.headerSize { return nil }
        count = 0
        let consumed = UInt64(UInt32(bigEndian: words.1)) << 32 | UInt64(UInt32(bigEndian: words.2))
        let frame = try SessionFrame(UInt32(bigEndian: words.0), consumed)
        if frame.kind == .data { payloadLeft = frame.value }
        return frame
    }

    /// Notes that `count` bytes of the payload were read.
    package mutating func skipPayload(_ count: Int) { payloadLeft -= count }
}
