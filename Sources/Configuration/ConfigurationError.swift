/// The reason why a command line or an environment was refused.
public struct ConfigurationError: Error, Equatable, CustomStringConvertible {
    /// A sentence for each problem: the place, the problem, and the accepted values.
    public let problems: [String]

    /// Makes an error of these sentences.
    public init(_ problems: [String]) { self.problems = problems }

    /// Makes an error of one sentence.
    public init(_ problem: String) { problems = [problem] }

    /// The problems, one in each line.
    public var description: String { problems.joined(separator: "\n") }
}
