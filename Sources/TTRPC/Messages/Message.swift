/// A protobuf message as a value.
///
/// A type declares once which field has which number. Then its messages can be read and written:
///
///     public struct StartVMRequest: Message {
///         public var id = ""
///         public init() {}
///         public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &id) }
///     }
///
/// Reading drops the fields that a type does not name.
public protocol Message: Equatable, Sendable {
    /// Makes the message in which every field has its default.
    init()
    /// Names each field with its number, in ascending order.
    mutating func visit(_ fields: inout MessageFields)
}

extension Message {
    /// Reads an encoded message of at most `fieldLimit` fields, including the fields of nested messages.
    public init(parsing bytes: [UInt8], fieldLimit: Int = FieldBudget.message) throws(ProtobufError) {
        try self.init(parsing: bytes[...], fieldLimit: fieldLimit)
    }

    /// Reads an encoded message of at most `fieldLimit` fields, including the fields of nested messages.
    public init(parsing bytes: ArraySlice<UInt8>, fieldLimit: Int = FieldBudget.message) throws(ProtobufError) {
        self.init()
        try merge(bytes, SharedBudget(fieldLimit))
    }

    /// The wire format of the message.
    public var encoded: [UInt8] {
        var fields = MessageFields.writing
        var message = self
        message.visit(&fields)
        return fields.written
    }

    fileprivate mutating func merge(_ bytes: ArraySlice<UInt8>, _ shared: SharedBudget) throws(ProtobufError) {
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            try shared.budget.take()
            var fields = MessageFields.reading(field, shared)
            visit(&fields)
            if let error = fields.error { throw error }
        }
    }

    /// Makes a message, and `fill` sets its fields.
    public static func with(_ fill: (inout Self) -> Void) -> Self {
        var message = Self()
        fill(&message)
        return message
    }
}

/// The field budget that a message and its nested messages share.
private final class SharedBudget {
    var budget: FieldBudget

    init(_ limit: Int) { budget = FieldBudget(limit) }
}

/// Visits the fields of a message. It either writes all fields, or stores the one field that was just read.
public struct MessageFields {
    private var writer = ProtobufWriter()
    private let field: ProtobufField?
    private let shared: SharedBudget
    fileprivate private(set) var error: ProtobufError?

    fileprivate static var writing: MessageFields { MessageFields(field: nil, SharedBudget(0)) }
    fileprivate static func reading(_ field: ProtobufField, _ shared: SharedBudget) -> MessageFields {
        MessageFields(field: field, shared)
    }
    fileprivate var written: [UInt8] { writer.bytes }

    private init(field: ProtobufField?, _ shared: SharedBudget) {
        self.field = field
        self.shared = shared
    }

    /// A `string`.
    public mutating func string(_ number: Int, _ value: inout String) {
        access(
            number, { writer in writer.string(number, value) },
            { field throws(ProtobufError) in value = try field.string() })
    }

    /// A `repeated string`.
    public mutating func strings(_ number: Int, _ values: inout [String]) {
        access(
            number, { writer in writer.strings(number, values) },
            { field throws(ProtobufError) in values.append(try field.string()) })
    }

    /// A `bytes`.
    public mutating func bytes(_ number: Int, _ value: inout [UInt8]) {
        access(
            number, { writer in writer.bytes(number, value) },
            { field throws(ProtobufError) in value = Array(try field.bytes()) })
    }

    /// A `bool`.
    public mutating func bool(_ number: Int, _ value: inout Bool) {
        access(
            number, { writer in writer.bool(number, value) },
            { field throws(ProtobufError) in value = try field.bool() })
    }

    /// An `int32`, `int64`, `uint32` or `uint64`. Bits that do not fit are cut off, as protobuf defines.
    public mutating func integer<Integer: FixedWidthInteger>(_ number: Int, _ value: inout Integer) {
        access(
            number, { writer in writer.int(number, Int64(truncatingIfNeeded: value)) },
            { field throws(ProtobufError) in value = Integer(truncatingIfNeeded: try field.uint64()) })
    }

    /// A repeated integer, packed or not.
    public mutating func integers<Integer: FixedWidthInteger>(_ number: Int, _ values: inout [Integer]) {
        access(
            number, { writer in writer.packed(number, values.map { UInt64(truncatingIfNeeded: $0) }) },
            { [shared] field throws(ProtobufError) in
                values += try field.packedUInt64(within: &shared.budget).map { Integer(truncatingIfNeeded: $0) }
            })
    }

    /// An embedded message. An absent message is nil.
    public mutating func message<Inner: Message>(_ number: Int, _ value: inout Inner?) {
        access(
            number, { writer in if let value { writer.embedded(number, value.encoded) } },
            { [shared] field throws(ProtobufError) in
                // The value is moved out, so that its existing content is not copied for each of its pieces.
                var inner = value.take() ?? Inner()
                try inner.merge(try field.bytes(), shared)
                value = inner
            })
    }

    /// A repeated message.
    public mutating func messages<Inner: Message>(_ number: Int, _ values: inout [Inner]) {
        access(
            number, { writer in for value in values { writer.embedded(number, value.encoded) } },
            { [shared] field throws(ProtobufError) in
                var inner = Inner()
                try inner.merge(try field.bytes(), shared)
                values.append(inner)
            })
    }

    /// A `map<string, string>`.
    public mutating func map(_ number: Int, _ values: inout [String: String]) {
        access(
            number, { writer in writer.map(number, values) },
            { [shared] field throws(ProtobufError) in
                let entry = try field.mapEntry(within: &shared.budget)
                values[entry.key] = entry.value
            })
    }

    private mutating func access(
        _ number: Int, _ write: (inout ProtobufWriter) -> Void,
        _ read: (ProtobufField) throws(ProtobufError) -> Void
    ) {
        guard let field else { return write(&writer) }
        guard field.number == number, error == nil else { return }
        do throws(ProtobufError) { try read(field) } catch { self.error = error }
    }
}

extension ProtobufWriter {
    fileprivate mutating func embedded(_ number: Int, _ encoded: [UInt8]) {
        message(number) { $0.raw(encoded) }
    }
}

/// A message without fields, such as `google.protobuf.Empty`.
public struct Empty: Message {
    /// Makes the message.
    public init() {}
    /// Names no fields.
    public mutating func visit(_ fields: inout MessageFields) {}
}
