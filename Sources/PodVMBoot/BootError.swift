/// Why what boots a pod VM cannot be written or read.
///
/// It names files, keys and sizes, never content: boot documents carry private keys and credentials.
public struct BootError: Error, Equatable, Sendable, CustomStringConvertible {
    /// What a caller may decide by. A struct, so that new codes break no `switch`.
    public struct Code: Hashable, Sendable, CustomStringConvertible {
        /// The name of the code in log lines.
        public let description: String

        /// The bytes are not in the format they should be in.
        public static let malformed = Code(description: "malformed")
        /// The bytes are more than the format, the cloud or the guest allows.
        public static let tooLarge = Code(description: "too large")
        /// The document asks for what the guest does not do, such as a file that is not on the list.
        public static let notAllowed = Code(description: "not allowed")
        /// The file system did not do as asked.
        public static let inputOutput = Code(description: "input/output")
    }

    /// What a caller may decide by.
    public let code: Code
    /// What is wrong: `apf.json`, `user data`, a path.
    public let subject: String
    /// Why, as a clause.
    public let reason: String
    /// What to do about it, as a clause.
    public let advice: String

    /// An error about `subject`.
    public init(_ code: Code, _ subject: String, _ reason: String, advice: String) {
        self.code = code
        self.subject = subject
        self.reason = reason
        self.advice = advice
    }

    /// The subject, the reason and the advice as a sentence.
    public var description: String { "\(subject): \(reason); \(advice)" }
}
