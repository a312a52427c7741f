/// Why a pod could not be connected to its VM.
public struct ConnectorError: Error {
    /// The kinds of failure, by which callers decide.
    public enum Code: String, Hashable, Sendable {
        /// The pod's request cannot be met: its network namespace, its initdata or its size is invalid.
        case invalidRequest = "invalid request"
        /// The node lacks memory, disk space or descriptors.
        case resourceExhausted = "resource exhausted"
        /// The VM's end did not answer in time.
        case unreachable = "unreachable"
        /// The VM's end gave a wrong answer: it has another certificate, or its agent does not serve.
        case refused = "refused"
        /// The caller's task was cancelled.
        case cancelled = "cancelled"
        /// Something else on this node failed.
        case failed = "failed"
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, to which object, and what to try: a sentence without secrets.
    public let message: String
    /// The underlying error, for the log.
    public let cause: (any Error)?

    /// Describes a failure.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension ConnectorError: CustomStringConvertible {
    /// The message and the cause, in one line.
    public var description: String { message + (cause.map { " (\($0))" } ?? "") }
}
