/// The error of a failed call. On the wire it is a `google.rpc.Status`.
public struct Status: Error, Equatable, Sendable {
    /// The code of the error, for programs.
    public var code: Code
    /// The description of the error, for people.
    public var message: String
    /// The `details` fields (number 3) in their wire format, including tags.
    ///
    /// This project does not read them, but a relay must forward them unchanged.
    public var details: [UInt8]

    /// Makes a status without details.
    public init(_ code: Code, _ message: String) { self.init(code, message, details: []) }

    /// Makes a status whose `details` are encoded fields with the number 3.
    public init(_ code: Code, _ message: String, details: [UInt8]) {
        self.code = code
        self.message = message
        self.details = details
    }

    /// A gRPC status code. ttrpc uses all of them.
    public struct Code: RawRepresentable, Hashable, Sendable {
        /// The number on the wire.
        public let rawValue: Int32
        /// Makes a code of any number.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// No error.
        public static let ok = Code(rawValue: 0)
        /// The caller has cancelled the call, or another program did so.
        public static let cancelled = Code(rawValue: 1)
        /// An error that is described only by its message.
        public static let unknown = Code(rawValue: 2)
        /// The request is invalid in every state.
        public static let invalidArgument = Code(rawValue: 3)
        /// The time ran out.
        public static let deadlineExceeded = Code(rawValue: 4)
        /// The object does not exist.
        public static let notFound = Code(rawValue: 5)
        /// The object exists already.
        public static let alreadyExists = Code(rawValue: 6)
        /// The caller does not have the permission.
        public static let permissionDenied = Code(rawValue: 7)
        /// A resource is exhausted: space, a quota, a limit.
        public static let resourceExhausted = Code(rawValue: 8)
        /// The current state does not allow the operation.
        public static let failedPrecondition = Code(rawValue: 9)
        /// Another operation interfered.
        public static let aborted = Code(rawValue: 10)
        /// The position is outside the valid range.
        public static let outOfRange = Code(rawValue: 11)
        /// The service or method does not exist.
        public static let unimplemented = Code(rawValue: 12)
        /// A bug in the program.
        public static let `internal` = Code(rawValue: 13)
        /// The service is not available now. A later call may succeed.
        public static let unavailable = Code(rawValue: 14)
        /// Data is lost.
        public static let dataLoss = Code(rawValue: 15)
        /// The caller has not authenticated.
        public static let unauthenticated = Code(rawValue: 16)
    }
}

extension Status.Code: CustomStringConvertible {
    private static let names = [
        "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
        "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
        "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
    ]

    /// The name in the documentation of gRPC, or `code 42` for an unknown code.
    public var description: String {
        Status.Code.names.indices.contains(Int(rawValue)) ? Status.Code.names[Int(rawValue)] : "code \(rawValue)"
    }
}

extension Status: CustomStringConvertible {
    /// The code and the message.
    public var description: String { message.isEmpty ? "\(code)" : "\(code): \(message)" }
}

extension Status {
    /// Reads a `google.rpc.Status` {1 code int32, 2 message string, 3 details}.
    init(parsing bytes: ArraySlice<UInt8>, within budget: inout FieldBudget) throws(ProtobufError) {
        self.init(.ok, "")
        var reader = ProtobufReader(bytes)
        while let field = try reader.next() {
            try budget.take()
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
