/// Why a sandbox operation failed. Kata receives it, and reports it in the pod's event.
public struct LifecycleError: Error {
    /// The kinds of failure, by which callers decide. They have the names of the RPC codes that they become.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// The request is invalid.
        case invalidArgument = "invalid argument"
        /// The sandbox exists already.
        case alreadyExists = "already exists"
        /// The sandbox does not exist, or its VM does not exist yet.
        case notFound = "not found"
        /// The sandbox's state does not allow it.
        case failedPrecondition = "failed precondition"
        /// The caller cancelled the call, or the sandbox was stopped during the call.
        case cancelled = "cancelled"
        /// The operation exceeded its time limit.
        case deadlineExceeded = "deadline exceeded"
        /// Disk space, quota or capacity is used up.
        case resourceExhausted = "resource exhausted"
        /// The cloud or the VM could not be reached; it may work later.
        case unavailable = "unavailable"
        /// Any other failure.
        case `internal` = "internal"
    }

    /// The kind of failure.
    public let code: Code
    /// What failed, for which object, why, what was left behind, and what to try.
    public let message: String
    /// The underlying error, for the log. The message already contains it.
    public let cause: (any Error)?

    /// Describes a failure.
    public init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

extension LifecycleError: CustomStringConvertible {
    /// The message.
    public var description: String { message }
}
