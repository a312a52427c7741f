/// How a call ended when it did not succeed; on the wire a `google.rpc.Status`.
public struct Status: Error, Equatable, Sendable {
    /// What went wrong, for a program to decide by.
    public var code: Code
    /// What went wrong, for a person.
    public var message: String
    /// The `details` fields (number 3) as they were on the wire, tags included.
    ///
    /// This project does not read them, but they must cross a relay unchanged.
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
        /// The number on the wire.
        public let rawValue: Int32
        /// Any number will do.
        public init(rawValue: Int32) { self.rawValue = rawValue }

        /// No error.
        public static let ok = Code(rawValue: 0)
        /// The caller has given up, or was made to.
        public static let cancelled = Code(rawValue: 1)
        /// An error that says no more than its message.
        public static let unknown = Code(rawValue: 2)
        /// The request is wrong, whatever the state.
        public static let invalidArgument = Code(rawValue: 3)
        /// Time ran out.
        public static let deadlineExceeded = Code(rawValue: 4)
        /// It is not there.
        public static let notFound = Code(rawValue: 5)
        /// It is there already.
        public static let alreadyExists = Code(rawValue: 6)
        /// The caller may not.
        public static let permissionDenied = Code(rawValue: 7)
        /// Something has run out: room, a quota, a limit.
        public static let resourceExhausted = Code(rawValue: 8)
        /// The state does not allow it.
        public static let failedPrecondition = Code(rawValue: 9)
        /// Something else came between.
        public static let aborted = Code(rawValue: 10)
        /// Beyond the end.
        public static let outOfRange = Code(rawValue: 11)
        /// There is no such service or method.
        public static let unimplemented = Code(rawValue: 12)
        /// A mistake in the program.
        public static let `internal` = Code(rawValue: 13)
        /// Not now; later it may work.
        public static let unavailable = Code(rawValue: 14)
        /// Data is lost.
        public static let dataLoss = Code(rawValue: 15)
        /// The caller has not said who it is.
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
