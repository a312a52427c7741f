/// Why a command line or an environment was refused.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// A sentence for each thing that is wrong: where it was said, what, and what is accepted.
    public let problems: [String]

    /// An error of these sentences.
    public init(_ problems: [String]) { self.problems = problems }

    /// An error of one sentence.
    public init(_ problem: String) { problems = [problem] }

    /// The problems, one a line.
    public var description: String { problems.joined(separator: "\n") }
}
