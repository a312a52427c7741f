/// Builds an encoded protobuf message. The fields are in the order of the calls.
///
/// As in proto3, a scalar that is zero or empty is left out. Elements of repeated fields and embedded messages are
/// always written.
public struct ProtobufWriter: Sendable {
    /// The bytes of the message that are written so far.
    public private(set) var bytes: [UInt8]

    /// Starts an empty message.
    public init() { bytes = [] }

    /// Starts a message after existing bytes.
    public init(appendingTo bytes: consuming [UInt8]) { self.bytes = bytes }

    /// Writes an unsigned or enum field.
    public mutating func varint(_ field: Int, _ value: UInt64) {
        guard value != 0 else { return }
        tag(field, type: 0)
        number(value)
    }

    /// Writes an `int64` or `int32` field.
    public mutating func int(_ field: Int, _ value: Int64) { varint(field, UInt64(bitPattern: value)) }

    /// Writes a `bool` field.
    public mutating func bool(_ field: Int, _ value: Bool) { varint(field, value ? 1 : 0) }

    /// Writes a `string` field.
    public mutating func string(_ field: Int, _ value: String) {
        if !value.isEmpty { element(field, value) }
    }

    /// Writes a `bytes` field.
    public mutating func bytes(_ field: Int, _ value: [UInt8]) {
        guard !value.isEmpty else { return }
        tag(field, type: 2)
        number(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Writes a `bytes` field.
    public mutating func bytes(_ field: Int, _ value: ArraySlice<UInt8>) {
        guard !value.isEmpty else { return }
        tag(field, type: 2)
        number(UInt64(value.count))
        bytes.append(contentsOf: value)
    }

    /// Writes an embedded message, even if `body` writes no field.
    public mutating func message(_ field: Int, _ body: (inout ProtobufWriter) -> Void) {
        var inner = ProtobufWriter()
        body(&inner)
        tag(field, type: 2)
        number(UInt64(inner.bytes.count))
        bytes.append(contentsOf: inner.bytes)
    }

    /// Writes a repeated `string` field.
    public mutating func strings(_ field: Int, _ values: [String]) {
        for value in values { element(field, value) }
    }

    /// Writes a repeated integer field, packed.
    public mutating func packed(_ field: Int, _ values: [UInt64]) {
        guard !values.isEmpty else { return }
        var inner = ProtobufWriter()
        for value in values { inner.number(value) }
        bytes(field, inner.bytes)
    }

    /// Writes a `map<string, string>`, sorted by key, so that equal maps have equal bytes.
    public mutating func map(_ field: Int, _ values: [String: String]) {
        for (key, value) in values.sorted(by: { $0.key < $1.key }) {
            message(field) {
                $0.string(1, key)
                $0.string(2, value)
            }
        }
    }

    /// Copies whole fields, including tags, such as the ``ProtobufField/raw`` of a reader.
    public mutating func raw(_ fields: some Collection<UInt8>) { bytes.append(contentsOf: fields) }

    /// Writes only the tag and the length of a length-delimited field. The caller then writes the content.
    mutating func prefix(_ field: Int, length: Int) {
        tag(field, type: 2)
        number(UInt64(length))
    }

    private mutating func element(_ field: Int, _ value: String) {
        let text = value.utf8
        prefix(field, length: text.count)
        bytes.append(contentsOf: text)
    }

    private mutating func tag(_ field: Int, type: UInt64) {
        precondition(field > 0, "field number \(field)")
        number(UInt64(field) << 3 | type)
    }

    private mutating func number(_ value: UInt64) { bytes.appendVarint(value) }
}

extension [UInt8] {
    mutating func appendVarint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }
}

/// The number of bytes of `value` as a varint.
func varintLength(_ value: Int) -> Int { max(1, (Int.bitWidth - value.leadingZeroBitCount + 6) / 7) }
