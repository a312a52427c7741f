/// Why a request to a cloud failed.
public struct ProviderError: Error {
    /// The kinds of failure, by which callers decide. A struct, so that new codes break no `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The code in words, for messages and for the label in metrics.
        public let description: String

        /// Names a code that is not listed here.
        public init(_ description: String) { self.description = description }

        /// The account's quota is used up.
        public static let quotaExceeded = Code("quota exceeded")
        /// The cloud has no capacity for this VM at the moment.
        public static let outOfCapacity = Code("out of capacity")
        /// The cloud limited the rate of requests.
        public static let throttled = Code("throttled")
        /// The cloud refuses the request, and will refuse the same request again.
        public static let rejected = Code("rejected")
        /// The adaptor's credentials are missing, expired or not sufficient.
        public static let unauthorized = Code("unauthorized")
        /// The cloud did not answer, or the answer could not be read.
        public static let unreachable = Code("unreachable")
        /// The cloud accepted the request and failed later.
        public static let operationFailed = Code("operation failed")
        /// The resource exists, and its tags do not name the sandbox for which it should be deleted.
        public static let foreign = Code("foreign")
        /// The caller's task was cancelled; the cloud may nevertheless have accepted the request.
        public static let cancelled = Code("cancelled")
    }

    /// The caller's next step, as the provider advises.
    public enum Advice: Hashable, Sendable {
        /// Try again, not sooner than this.
        case retry(after: Duration)
        /// The same request will fail again.
        case giveUp
    }

    /// The kind of failure.
    public let code: Code
    /// What to do next.
    public let advice: Advice
    /// The operation that failed, with the names to search the cloud's logs for.
    public let operation: String
    /// What happened, in the cloud's own words, with the cloud's error code and request id if it sent them.
    public let detail: String
    /// The underlying error, for the log.
    public let cause: (any Error)?

    /// Describes a failure of `operation`.
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
