/// The reason why an image cannot be read, built or measured.
public struct ImageError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The faulty object: a path, or a part such as `the ESP`.
    public let subject: String
    /// The reason, as a clause.
    public let reason: String
    /// What to do next, as a clause; empty if the reason says it.
    public let advice: String

    /// Makes an error about `subject`.
    public init(_ subject: String, _ reason: String, advice: String = "") {
        self.subject = subject
        self.reason = reason
        self.advice = advice
    }

    /// The subject, the reason and the advice as a sentence.
    public var description: String { "\(subject): \(reason)" + (advice.isEmpty ? "" : "; \(advice)") }
}
