/// Reads the fields of an encoded protobuf message one by one, in wire order.
///
/// The reader needs no schema. Code that rewrites a message can therefore copy the ``ProtobufField/raw`` bytes of every
/// unknown field unchanged.
public struct ProtobufReader: Sendable {
    private let bytes: ArraySlice<UInt8>
    private var offset = 0

    /// Makes a reader of the message in `bytes`.
    public init(_ bytes: ArraySlice<UInt8>) { self.bytes = bytes }

    /// Makes a reader of the message in `bytes`.
    public init(_ bytes: [UInt8]) { self.init(bytes[...]) }

    /// The next field, or nil after the last field.
    public mutating func next() throws(ProtobufError) -> ProtobufField? {
        var end = offset
        guard let token = try WireScanner.next(in: bytes.span, at: &end) else { return nil }
        offset = end
        let value: ProtobufField.Value =
            switch token.kind {
            case .varint: .varint(token.scalar)
            case .fixed64: .fixed64(token.scalar)
            case .fixed32: .fixed32(UInt32(truncatingIfNeeded: token.scalar))
            case .bytes: .bytes(slice(token.content))
            case .group: .group(slice(token.content))
            }
        return ProtobufField(number: token.number, value: value, raw: slice(token.whole))
    }

    private func slice(_ range: Range<Int>) -> ArraySlice<UInt8> {
        bytes[bytes.startIndex + range.lowerBound..<bytes.startIndex + range.upperBound]
    }
}

/// One field of a message: its number and its value in the wire format.
public struct ProtobufField: Equatable, Sendable {
    /// The number of the field in the definition of the message.
    public let number: Int
    /// The value, as far as it is known without the definition.
    public let value: Value
    /// The whole field with its tag, byte for byte.
    public let raw: ArraySlice<UInt8>

    /// A value by its wire type.
    public enum Value: Equatable, Sendable {
        case varint(UInt64)
        case fixed64(UInt64)
        case fixed32(UInt32)
        /// A string, bytes, a message, a map entry or packed numbers.
        case bytes(ArraySlice<UInt8>)
        /// A group (deprecated): fields up to an end tag.
        case group(ArraySlice<UInt8>)
    }
}

extension ProtobufField {
    /// The value of a `uint64`, `uint32` or enum field.
    public func uint64() throws(ProtobufError) -> UInt64 {
        guard case .varint(let value) = value else { throw .unexpectedWireType(field: number) }
        return value
    }

    /// The value of an `int64` or `int32` field.
    public func int64() throws(ProtobufError) -> Int64 { Int64(bitPattern: try uint64()) }

    /// The value of a `bool` field.
    public func bool() throws(ProtobufError) -> Bool { try uint64() != 0 }

    /// The value of a `bytes` field, or the encoding of an embedded message.
    public func bytes() throws(ProtobufError) -> ArraySlice<UInt8> {
        guard case .bytes(let content) = value else { throw .unexpectedWireType(field: number) }
        return content
    }

    /// The value of a `string` field. It must be UTF-8.
    public func string() throws(ProtobufError) -> String {
        guard let text = String(validating: try bytes(), as: UTF8.self) else { throw .invalidUTF8(field: number) }
        return text
    }

    /// A reader of the embedded message in this field.
    public func message() throws(ProtobufError) -> ProtobufReader { ProtobufReader(try bytes()) }

    /// One entry of a `map<string, string>`. An absent key or value is empty.
    public func mapEntry() throws(ProtobufError) -> (key: String, value: String) {
        var budget = FieldBudget(.max)
        return try mapEntry(within: &budget)
    }

    /// One entry of a `map<string, string>`. Its fields are taken from `budget`.
    public func mapEntry(within budget: inout FieldBudget) throws(ProtobufError) -> (key: String, value: String) {
        var entry = (key: "", value: "")
        var reader = try message()
        while let field = try reader.next() {
            try budget.take()
            switch field.number {
            case 1: entry.key = try field.string()
            case 2: entry.value = try field.string()
            default: break
            }
        }
        return entry
    }

    /// The values of a repeated integer field, packed (one field with all values) or not packed (one field for each
    /// value).
    public func packedUInt64() throws(ProtobufError) -> [UInt64] {
        var budget = FieldBudget(.max)
        return try packedUInt64(within: &budget)
    }

    /// The values of a repeated integer field. Each value counts as a field of `budget`.
    public func packedUInt64(within budget: inout FieldBudget) throws(ProtobufError) -> [UInt64] {
        guard case .bytes(let content) = value else { return [try uint64()] }
        var values: [UInt64] = []
        var offset = 0
        while offset < content.count {
            try budget.take()
            values.append(try WireScanner.varint(in: content.span, at: &offset))
        }
        return values
    }
}
