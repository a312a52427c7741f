/// One message on a ttrpc connection.
///
///     +-----------+-----------+---------+---------+- - - - -
///     | length 32 | stream 32 | kind  8 | flags 8 | payload
///     +-----------+-----------+---------+---------+- - - - -      all big-endian
public struct Frame: Equatable, Sendable {
    /// The maximum length of a payload: 4 MiB (PROTOCOL.md, "Message Frame").
    public static let payloadLimit = 4 << 20

    /// The call of the frame.
    public var stream: StreamID
    /// The purpose of the frame.
    public var kind: Kind
    /// The state of the sender's half.
    public var flags: Flags
    /// The payload of the frame, with at most ``payloadLimit`` bytes.
    public var payload: [UInt8]

    /// Makes a frame.
    public init(stream: StreamID, _ kind: Kind, flags: Flags = [], payload: [UInt8] = []) {
        self.stream = stream
        self.kind = kind
        self.flags = flags
        self.payload = payload
    }

    /// Appends the wire format of this frame to `bytes`.
    public func encode(into bytes: inout [UInt8]) {
        precondition(payload.count <= Frame.payloadLimit, "payload of \(payload.count) bytes")
        FrameHeader(length: payload.count, stream: stream, kind: kind, flags: flags).encode(into: &bytes)
        bytes.append(contentsOf: payload)
    }
}

extension Frame {
    /// The purpose of a frame. It is a struct because later versions may define more kinds, which a receiver must
    /// ignore.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        /// The number on the wire.
        public let rawValue: UInt8
        /// Makes a kind of any number.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Starts a stream: a ``RequestEnvelope``.
        public static let request = Kind(rawValue: 1)
        /// Ends a stream: a ``ResponseEnvelope``.
        public static let response = Kind(rawValue: 2)
        /// One message of a stream, without an envelope.
        public static let data = Kind(rawValue: 3)

        /// Whether this version of the protocol defines the kind.
        public var isKnown: Bool { 1...3 ~= rawValue }
    }

    /// The state of the sender's half of the stream.
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The number on the wire.
        public let rawValue: UInt8
        /// Makes flags of any number.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The sender has no more data for this stream.
        public static let remoteClosed = Flags(rawValue: 1 << 0)
        /// The sender is still sending on this stream.
        public static let remoteOpen = Flags(rawValue: 1 << 1)
        /// The payload is absent. This differs from an empty message.
        public static let noData = Flags(rawValue: 1 << 2)
    }
}

/// The id of a request and all its frames. It is odd, because only clients start streams.
public struct StreamID: Hashable, Sendable {
    /// The number on the wire.
    public let rawValue: UInt32
    /// Makes an id of any number.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
}

extension StreamID: ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// Makes an id of an integer literal.
    public init(integerLiteral value: UInt32) { self.init(rawValue: value) }
    /// The number.
    public var description: String { "\(rawValue)" }
}
