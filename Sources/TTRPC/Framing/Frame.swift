/// One message on a ttrpc connection.
///
///     +-----------+-----------+---------+---------+- - - - -
///     | length 32 | stream 32 | kind  8 | flags 8 | payload
///     +-----------+-----------+---------+---------+- - - - -      all big-endian
public struct Frame: Equatable, Sendable {
    /// The longest payload a peer may send: 4 MiB (PROTOCOL.md, "Message Frame").
    public static let payloadLimit = 4 << 20

    /// Which call it belongs to.
    public var stream: StreamID
    /// What it is for.
    public var kind: Kind
    /// What it says of the sender's half.
    public var flags: Flags
    /// What it carries; at most ``payloadLimit`` bytes.
    public var payload: [UInt8]

    /// Makes a frame.
    public init(stream: StreamID, _ kind: Kind, flags: Flags = [], payload: [UInt8] = []) {
        self.stream = stream
        self.kind = kind
        self.flags = flags
        self.payload = payload
    }

    /// Appends this frame, as it goes over the wire, to `bytes`.
    public func encode(into bytes: inout [UInt8]) {
        precondition(payload.count <= Frame.payloadLimit, "payload of \(payload.count) bytes")
        FrameHeader(length: payload.count, stream: stream, kind: kind, flags: flags).encode(into: &bytes)
        bytes.append(contentsOf: payload)
    }
}

extension Frame {
    /// What a frame is for. A struct, since later versions may name more kinds, which
    /// a receiver has to ignore.
    public struct Kind: RawRepresentable, Hashable, Sendable {
        /// The number on the wire.
        public let rawValue: UInt8
        /// Any number will do.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Starts a stream: a ``RequestEnvelope``.
        public static let request = Kind(rawValue: 1)
        /// Ends a stream: a ``ResponseEnvelope``.
        public static let response = Kind(rawValue: 2)
        /// One message of a stream, without an envelope.
        public static let data = Kind(rawValue: 3)

        /// Whether this version of the protocol gives the kind a meaning.
        public var isKnown: Bool { 1...3 ~= rawValue }
    }

    /// What the sender says about its half of the stream.
    public struct Flags: OptionSet, Hashable, Sendable {
        /// The number on the wire.
        public let rawValue: UInt8
        /// Any number will do.
        public init(rawValue: UInt8) { self.rawValue = rawValue }

        /// The sender has no more data for this stream.
        public static let remoteClosed = Flags(rawValue: 1 << 0)
        /// The sender is still sending on this stream.
        public static let remoteOpen = Flags(rawValue: 1 << 1)
        /// The payload is absent, rather than an empty message.
        public static let noData = Flags(rawValue: 1 << 2)
    }
}

/// A request and everything sent on its behalf; odd, since clients start them all.
public struct StreamID: Hashable, Sendable {
    /// The number on the wire.
    public let rawValue: UInt32
    /// Any number will do.
    public init(rawValue: UInt32) { self.rawValue = rawValue }
}

extension StreamID: ExpressibleByIntegerLiteral, CustomStringConvertible {
    /// An id written as a number.
    public init(integerLiteral value: UInt32) { self.init(rawValue: value) }
    /// The number.
    public var description: String { "\(rawValue)" }
}
