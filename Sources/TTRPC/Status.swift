/// How a call ended when it did not succeed; on the wire a `google.rpc.Status`.
public struct Status: Error, Equatable, Sendable {
    /// What went wrong, for a program to decide by.
    public var code: Code
    /// What went wrong, for a person.
    public var message: String
    /// The `details` fields (number 3) as they were on the wire, tags included.
    ///
    /// Nobody here reads them, but they must cross a relay unchanged.
    public var details: [UInt8]

    /// Makes a status without details.
    public init(_ code: Code, _ message: String) { self.init(code, message, details: []) }

    /// Makes a status whose `details` are encoded fields with the number 3.
    public init(_ code: Code, _ message: String, details: [UInt8]) {
        self.code = code
        self.message = message
        self.details = details
    }

    /// A gRPC status code; ttrpc borrows all of them.
    public struct Code: RawRepresentable, Hashable, Sendable {
        public let rawValue: Int32
        public init(rawValue: Int32) { self.rawValue = rawValue }

        public static let ok = Code(rawValue: 0)
        public static let cancelled = Code(rawValue: 1)
        public static let unknown = Code(rawValue: 2)
        public static let invalidArgument = Code(rawValue: 3)
        public static let deadlineExceeded = Code(rawValue: 4)
        public static let notFound = Code(rawValue: 5)
        public static let alreadyExists = Code(rawValue: 6)
        public static let permissionDenied = Code(rawValue: 7)
        public static let resourceExhausted = Code(rawValue: 8)
        public static let failedPrecondition = Code(rawValue: 9)
        public static let aborted = Code(rawValue: 10)
        public static let outOfRange = Code(rawValue: 11)
        public static let unimplemented = Code(rawValue: 12)
        public static let `internal` = Code(rawValue: 13)
        public static let unavailable = Code(rawValue: 14)
        public static let dataLoss = Code(rawValue: 15)
        public static let unauthenticated = Code(rawValue: 16)
    }
}

extension Status.Code: CustomStringConvertible {
    private static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]

    /// The name in gRPC's documentation, or `code 42` for one it does not name.
    public var description: String {
        Status.Code.names.indices.contains(Int(rawValue)) ? Status.Code.names[Int(rawValue)] : "code \(rawValue)"
    }
}

extension Status: CustomStringConvertible {
    public var description: String { message.isEmpty ? "\(code)" : "\(code): \(message)" }
}

extension Status {
    /// Reads a `google.rpc.Status` {1 code int32, 2 message string, 3 details}.
    init(parsing bytes: ArraySlice<UInt8>) throws(ProtobufError) {
        self.init(.ok, "")
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            switch field.number {
            case 1: code = Code(rawValue: Int32(truncatingIfNeeded: try field.int64()))
            case 2: message = try field.string()
            case 3: details.append(contentsOf: field.raw)
            default: break
            }
        }
    }

    func encode(into writer: inout ProtobufWriter) {
        writer.int(1, Int64(code.rawValue))
        writer.string(2, message)
        writer.raw(details)
    }
}
