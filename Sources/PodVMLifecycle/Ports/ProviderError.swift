/// Why a cloud did not do as asked.
public struct ProviderError: Error {
    /// What a caller may decide by. A struct, so that new codes break no `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// A few words for a person, also the value of the code's label in metrics.
        public let description: String

        /// Names a code that is not listed here.
        public init(_ description: String) { self.description = description }

        /// The account may not have more of this.
        public static let quotaExceeded = Code("quota exceeded")
        /// The cloud has none of this left at the moment.
        public static let outOfCapacity = Code("out of capacity")
        /// The cloud was asked too often.
        public static let throttled = Code("throttled")
        /// The request can not be served as it is; asking again will not help.
        public static let rejected = Code("rejected")
        /// Our credentials are missing, expired or not sufficient.
        public static let unauthorized = Code("unauthorized")
        /// The cloud did not answer, or what came was no answer.
        public static let unreachable = Code("unreachable")
        /// The cloud took the request and failed at it later.
        public static let operationFailed = Code("operation failed")
        /// The caller's task was cancelled; the cloud may have taken the request all the same.
        public static let cancelled = Code("cancelled")
    }

    /// What the caller should do next; the provider knows, the caller should not guess.
    public enum Advice: Hashable, Sendable {
        /// Try again, not sooner than this.
        case retry(after: Duration)
        /// Trying the same again will fail again.
        case giveUp
    }

    /// What happened, for deciding.
    public let code: Code
    /// What to do next.
    public let advice: Advice
    /// What was being done, with the names a person would search the cloud's logs for.
    public let operation: String
    /// What happened, in the cloud's own words, with its error code and request id where it gave them.
    public let detail: String
    /// What lies beneath, for the log.
    public let cause: (any Error)?

    /// Says what went wrong during `operation`.
    public init(
        _ code: Code, _ advice: Advice, during operation: String, _ detail: String = "", cause: (any Error)? = nil
    ) {
        self.code = code
        self.advice = advice
        self.operation = operation
        self.detail = detail
        self.cause = cause
    }
}

extension ProviderError: CustomStringConvertible {
    /// Operation, code, the cloud's words and the cause, in one line.
    public var description: String {
        "\(operation): " + (detail.isEmpty ? "\(code)" : "\(code): \(detail)") + (cause.map { " (\($0))" } ?? "")
    }
}
