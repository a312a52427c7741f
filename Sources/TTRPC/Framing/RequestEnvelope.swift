/// The content of a request frame: the called method, its message, and the time that the caller waits.
///
/// {1 service string, 2 method string, 3 payload bytes, 4 timeout_nano int64,
/// 5 metadata repeated {1 key, 2 value}}
public struct RequestEnvelope: Equatable, Sendable {
    /// The service's full name, such as `grpc.AgentService`.
    public var service: String
    /// The method's name within its service.
    public var method: String
    /// The encoded request message. Also empty if the field is absent.
    public var payload: [UInt8]
    /// The time after its arrival in which the call is useful. 0 or less means no limit.
    public var timeoutNanoseconds: Int64
    /// The caller's additional information.
    public var metadata: Metadata
    /// Fields that this version does not know, in their wire format.
    public var unknownFields: [UInt8] = []

    /// Makes a request.
    public init(
        service: String, method: String, payload: [UInt8] = [], timeoutNanoseconds: Int64 = 0,
        metadata: Metadata = .init()
    ) {
        self.service = service
        self.method = method
        self.payload = payload
        self.timeoutNanoseconds = timeoutNanoseconds
        self.metadata = metadata
    }

    /// Reads an encoded request, of at most ``FieldBudget/envelope`` fields.
    public init(parsing bytes: ArraySlice<UInt8>) throws(ProtobufError) {
        self.init(service: "", method: "")
        var budget = FieldBudget(FieldBudget.envelope)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            try budget.take()
            switch field.number {
            case 1: service = try field.string()
            case 2: method = try field.string()
            case 3: payload = Array(try field.bytes())
            case 4: timeoutNanoseconds = try field.int64()
            case 5:
                let entry = try field.mapEntry(within: &budget)
                metadata.add(entry.key, entry.value)
            default: unknownFields.append(contentsOf: field.raw)
            }
        }
    }

    /// Reads an encoded request.
    public init(parsing bytes: [UInt8]) throws(ProtobufError) { try self.init(parsing: bytes[...]) }

    /// The encoded request for a frame, in the order of the field numbers.
    public var encoded: [UInt8] {
        var writer = ProtobufWriter()
        encode(into: &writer)
        return writer.bytes
    }

    func encode(into writer: inout ProtobufWriter) {
        writer.string(1, service)
        writer.string(2, method)
        writer.bytes(3, payload)
        writer.int(4, timeoutNanoseconds)
        for entry in metadata.entries {
            writer.message(5) {
                $0.string(1, entry.key)
                $0.string(2, entry.value)
            }
        }
        writer.raw(unknownFields)
    }
}

/// A ``RequestEnvelope`` that stays in the receive buffer. So a server can find the method by its bytes and copies only
/// the payload.
struct RequestLayout {
    var service = 0..<0
    var method = 0..<0
    var payload = 0..<0
    var timeoutNanoseconds: Int64 = 0
    var metadata = Metadata()

    init(_ bytes: borrowing Span<UInt8>) throws(ProtobufError) {
        var offset = 0
        var budget = FieldBudget(FieldBudget.envelope)
        while let token = try WireScanner.next(in: bytes, at: &offset) {
            try budget.take()
            switch token.number {
            case 1: service = try token.bytes()
            case 2: method = try token.bytes()
            case 3: payload = try token.bytes()
            case 4: timeoutNanoseconds = Int64(bitPattern: try token.varint())
            case 5: metadata.entries.append(try RequestLayout.entry(bytes.extracting(try token.bytes()), &budget))
            default: break
            }
        }
    }

    private static func entry(
        _ bytes: borrowing Span<UInt8>, _ budget: inout FieldBudget
    ) throws(ProtobufError) -> Metadata.Entry {
        var entry = Metadata.Entry("", "")
        var offset = 0
        while let token = try WireScanner.next(in: bytes, at: &offset) {
            try budget.take()
            switch token.number {
            case 1: entry.key = String(decoding: copy(bytes.extracting(try token.bytes())), as: UTF8.self)
            case 2: entry.value = String(decoding: copy(bytes.extracting(try token.bytes())), as: UTF8.self)
            default: break
            }
        }
        return entry
    }
}

extension WireToken {
    func bytes() throws(ProtobufError) -> Range<Int> {
        guard kind == .bytes else { throw .unexpectedWireType(field: number) }
        return content
    }

    func varint() throws(ProtobufError) -> UInt64 {
        guard kind == .varint else { throw .unexpectedWireType(field: number) }
        return scalar
    }
}

/// An array of the bytes that `span` borrows.
func copy(_ span: borrowing Span<UInt8>) -> [UInt8] {
    unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
}
