/// Why a sandbox did not do as asked: what kata, and through it the pod's event, is told.
public struct LifecycleError: Error {
    /// What a caller may decide by; named like the RPC codes they become.
    public enum Code: String, Hashable, Sendable, CaseIterable {
        /// The request is wrong in itself.
        case invalidArgument = "invalid argument"
        /// The sandbox is there already.
        case alreadyExists = "already exists"
        /// The sandbox does not exist, or its VM does not exist yet.
        case notFound = "not found"
        /// The sandbox's state does not allow it.
        case failedPrecondition = "failed precondition"
        /// The caller gave up, or the sandbox was stopped meanwhile.
        case cancelled = "cancelled"
        /// It took longer than it may.
        case deadlineExceeded = "deadline exceeded"
        /// No room: disk, quota, capacity.
        case resourceExhausted = "resource exhausted"
        /// The cloud or the VM could not be reached; it may work later.
        case unavailable = "unavailable"
        /// Anything else.
        case `internal` = "internal"
    }

    /// What happened, for deciding.
    public let code: Code
    /// What failed, on what, why, what was left behind, what to try.
    public let message: String
    /// What lies beneath, for the log. The message has already said it.
    public let cause: (any Error)?

    /// Says what went wrong.
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
