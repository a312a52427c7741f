/// The content of a response frame: the answer, or the reason why there is no answer.
///
/// {1 status google.rpc.Status, 2 payload bytes}
public struct ResponseEnvelope: Equatable, Sendable {
    /// The result of the call. nil, or a status with the code OK, means success.
    public var status: Status?
    /// The response message, encoded.
    public var payload: [UInt8]

    /// Makes the answer of a call that succeeded.
    public init(payload: [UInt8]) { self.init(status: nil, payload: payload) }

    /// Makes the answer of a call that failed.
    public init(_ status: Status) { self.init(status: status, payload: []) }

    /// Makes an answer.
    public init(status: Status?, payload: [UInt8]) {
        self.status = status
        self.payload = payload
    }

    /// Reads an encoded response, of at most ``FieldBudget/envelope`` fields.
    public init(parsing bytes: ArraySlice<UInt8>) throws(ProtobufError) {
        self.init(status: nil, payload: [])
        var budget = FieldBudget(FieldBudget.envelope)
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            try budget.take()
            switch field.number {
            case 1: status = try Status(parsing: field.bytes(), within: &budget)
            case 2: payload = Array(try field.bytes())
            default: break
            }
        }
    }

    /// Reads an encoded response.
    public init(parsing bytes: [UInt8]) throws(ProtobufError) { try self.init(parsing: bytes[...]) }

    /// The encoded response for a frame, in the order of the field numbers.
    public var encoded: [UInt8] {
        var writer = ProtobufWriter()
        encode(into: &writer)
        return writer.bytes
    }

    /// Returns the payload. Throws the status if it is not success.
    public func get() throws(Status) -> [UInt8] {
        if let status, status.code != .ok { throw status }
        return payload
    }

    func encode(into writer: inout ProtobufWriter) {
        if let status { writer.message(1) { status.encode(into: &$0) } }
        writer.bytes(2, payload)
    }
}

/// A ``ResponseEnvelope`` that stays in the receive buffer.
struct ResponseLayout {
    var status: Status?
    var payload = 0..<0

    init(_ bytes: borrowing Span<UInt8>) throws(ProtobufError) {
        var offset = 0
        var budget = FieldBudget(FieldBudget.envelope)
        while let token = try WireScanner.next(in: bytes, at: &offset) {
            try budget.take()
            switch token.number {
            case 1: status = try Status(parsing: copy(bytes.extracting(try token.bytes()))[...], within: &budget)
            case 2: payload = try token.bytes()
            default: break
            }
        }
    }
}
