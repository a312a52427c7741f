/// The reason why a boot document of a pod VM cannot be written or read.
///
/// It contains files, keys and sizes, but never content, because boot documents contain private keys and credentials.
public struct BootError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The kinds of failures. The type is a struct, so new codes break no `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the code in log lines.
        public let description: String

        /// The bytes do not have the required format.
        public static let malformed = Code(description: "malformed")
        /// The bytes exceed the limit of the format, the cloud or the guest.
        public static let tooLarge = Code(description: "too large")
        /// The document requires something that the guest does not support, such as a file that is not on the list.
        public static let notAllowed = Code(description: "not allowed")
        /// The file system returned an error.
        public static let inputOutput = Code(description: "input/output")
    }

    /// The kind of the failure.
    public let code: Code
    /// The faulty object: `apf.json`, `user data`, or a path.
    public let subject: String
    /// The reason, as a clause.
    public let reason: String
    /// What to do next, as a clause.
    public let advice: String

    /// Makes an error about `subject`.
    public init(_ code: Code, _ subject: String, _ reason: String, advice: String) {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.advice = advice
    }

    /// The subject, the reason and the advice as a sentence.
    public var description: String { "\(subject): \(reason); \(advice)" }
}
