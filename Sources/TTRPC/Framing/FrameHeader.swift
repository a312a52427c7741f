/// The ten bytes in front of every payload. Any ten bytes are a header. The reader decides whether the header is valid.
public struct FrameHeader: Equatable, Sendable {
    /// The size of a header on the wire, in bytes.
    public static let size = 10

    /// The claimed length of the payload in bytes: up to 4 GiB - 1.
    public var length: Int
    /// The call of the frame.
    public var stream: StreamID
    /// The purpose of the frame.
    public var kind: Frame.Kind
    /// The state of the sender's half.
    public var flags: Frame.Flags

    /// Makes a header for a payload of `length` bytes.
    public init(length: Int, stream: StreamID, kind: Frame.Kind, flags: Frame.Flags) {
        self.length = length
        self.stream = stream
        self.kind = kind
        self.flags = flags
    }

    /// Reads the header at the front of `bytes`, which must have at least ``size`` bytes.
    public init(_ bytes: ArraySlice<UInt8>) { self.init(bytes.span) }

    /// Reads the header at the front of `bytes`, which must have at least ``size`` bytes.
    public init(_ bytes: [UInt8]) { self.init(bytes.span) }

    /// Reads the header at the front of `bytes`, which must have at least ``size`` bytes.
    package init(_ bytes: borrowing Span<UInt8>) {
        precondition(bytes.count >= FrameHeader.size, "a header of \(bytes.count) bytes")
        func word(_ at: Int) -> UInt32 {
            UInt32(bytes[at]) << 24 | UInt32(bytes[at + 1]) << 16 | UInt32(bytes[at + 2]) << 8 | UInt32(bytes[at + 3])
        }
        self.init(
            length: Int(word(0)), stream: StreamID(rawValue: word(4)), kind: Frame.Kind(rawValue: bytes[8]),
            flags: Frame.Flags(rawValue: bytes[9]))
    }

    /// Whether the payload is longer than the protocol allows.
    public var isOversized: Bool { length > Frame.payloadLimit }

    /// Appends the ten bytes to `bytes`.
    public func encode(into bytes: inout [UInt8]) {
        for word in [UInt32(length), stream.rawValue] {
            for shift: UInt32 in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        bytes.append(kind.rawValue)
        bytes.append(flags.rawValue)
    }
}
