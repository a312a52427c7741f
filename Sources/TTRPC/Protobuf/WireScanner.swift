/// The bytes are not a protobuf message.
public enum ProtobufError: Error, Equatable, Sendable {
    /// The message ends inside a field.
    case truncated
    /// A varint of more than 64 bits.
    case overlongVarint
    /// A field number outside 1 ... 2^29 - 1.
    case invalidFieldNumber(UInt64)
    /// A wire type that does not exist, or the end of a group that was not started.
    case invalidWireType(field: Int, type: Int)
    /// Groups that are nested deeper than encoders nest them.
    case nestedTooDeep
    /// A known field with a wire type that differs from its declaration.
    case unexpectedWireType(field: Int)
    /// A string that is not UTF-8.
    case invalidUTF8(field: Int)
    /// More fields than the limit, including the fields of embedded messages.
    case tooManyFields(limit: Int)
}

extension ProtobufError: CustomStringConvertible {
    /// The error, as a part of a sentence.
    public var description: String {
        switch self {
        case .truncated: "the message ends inside a field"
        case .overlongVarint: "a number has more than 64 bits"
        case .invalidFieldNumber(let number): "\(number) is not a field number"
        case .invalidWireType(let field, let type): "field \(field) has the wire type \(type), which does not exist"
        case .nestedTooDeep: "groups are nested deeper than \(WireScanner.groupDepthLimit)"
        case .unexpectedWireType(let field): "field \(field) does not have its declared type"
        case .invalidUTF8(let field): "field \(field) is not UTF-8"
        case .tooManyFields(let limit): "it has more than \(limit) fields"
        }
    }
}

/// The position of one field in a message. It consists of offsets, so that finding a field copies nothing.
struct WireToken {
    enum Kind { case varint, fixed64, bytes, group, fixed32 }

    var number: Int
    var kind: Kind
    /// The value of a varint or a fixed number.
    var scalar: UInt64
    /// The content of a length-delimited field or a group.
    var content: Range<Int>
    /// The whole field, including its tag.
    var whole: Range<Int>
}

/// Steps through the fields of an encoded message. It does not own the message.
enum WireScanner {
    /// The maximum nesting of groups. No peer of this project uses groups.
    static let groupDepthLimit = 32

    /// The field that starts at `offset`, or nil at the end. Moves `offset` to the end of the field.
    static func next(
        in bytes: borrowing Span<UInt8>, at offset: inout Int
    ) throws(ProtobufError) -> WireToken? {
        guard offset < bytes.count else { return nil }
        return try token(in: bytes, at: &offset, depth: 0)
    }

    private static func token(
        in bytes: borrowing Span<UInt8>, at offset: inout Int, depth: Int
    ) throws(ProtobufError) -> WireToken {
        let start = offset
        let (number, type) = try tag(in: bytes, at: &offset)
        var token = WireToken(number: number, kind: .varint, scalar: 0, content: 0..<0, whole: 0..<0)
        switch type {
        case 0: token.scalar = try varint(in: bytes, at: &offset)
        case 1: (token.kind, token.scalar) = (.fixed64, try fixed(8, in: bytes, at: &offset))
        case 2:
            let length = try varint(in: bytes, at: &offset)
            guard length <= UInt64(bytes.count - offset) else { throw .truncated }
            token.kind = .bytes
            token.content = offset..<offset + Int(length)
            offset += Int(length)
        case 3: (token.kind, token.content) = (.group, try group(number, in: bytes, at: &offset, depth: depth))
        case 5: (token.kind, token.scalar) = (.fixed32, try fixed(4, in: bytes, at: &offset))
        default: throw .invalidWireType(field: number, type: type)
        }
        token.whole = start..<offset
        return token
    }

    private static func tag(
        in bytes: borrowing Span<UInt8>, at offset: inout Int
    ) throws(ProtobufError) -> (number: Int, type: Int) {
        let tag = try varint(in: bytes, at: &offset)
        guard 1...(1 << 29 - 1) ~= tag >> 3 else { throw .invalidFieldNumber(tag >> 3) }
        return (Int(tag >> 3), Int(tag & 7))
    }

    private static func group(
        _ number: Int, in bytes: borrowing Span<UInt8>, at offset: inout Int, depth: Int
    ) throws(ProtobufError) -> Range<Int> {
        guard depth < groupDepthLimit else { throw .nestedTooDeep }
        let start = offset
        while true {
            let end = offset
            let (inner, type) = try tag(in: bytes, at: &offset)
            if type == 4 {
                guard inner == number else { throw .invalidWireType(field: inner, type: type) }
                return start..<end
            }
            offset = end
            _ = try token(in: bytes, at: &offset, depth: depth + 1)
        }
    }

    static func varint(in bytes: borrowing Span<UInt8>, at offset: inout Int) throws(ProtobufError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard offset < bytes.count else { throw .truncated }
            let byte = bytes[offset]
            offset += 1
            // The tenth byte has space only for the 64th bit.
            guard shift < 63 || byte <= 1 else { throw .overlongVarint }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return value }
        }
        throw .overlongVarint
    }

    private static func fixed(
        _ size: Int, in bytes: borrowing Span<UInt8>, at offset: inout Int
    ) throws(ProtobufError) -> UInt64 {
        guard bytes.count - offset >= size else { throw .truncated }
        defer { offset += size }
        var value: UInt64 = 0
        for index in 0..<size { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
        return value
    }
}
