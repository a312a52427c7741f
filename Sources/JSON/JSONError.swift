/// The reason why bytes are not the expected JSON.
///
/// The error names places and kinds, never content, because the parsed documents contain keys and credentials.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The place in the document, such as `pod-network.routes[2].dst`. Empty for the whole document, or if parsing
    /// failed.
    public var path: String
    /// The problem, as a clause: "expected a number, found a string".
    public var message: String
    /// The line, from 1, if the bytes are not valid JSON.
    public var line: Int?
    /// The column in the line, from 1, counted in characters.
    public var column: Int?

    /// An error about the value at `path`.
    public init(path: String, _ message: String) {
        self.path = path
        self.message = message
    }

    /// An error about the text at a line and column.
    public init(line: Int, column: Int, _ message: String) {
        self.init(path: "", message)
        self.line = line
        self.column = column
    }

    /// The message, with the position or the path if the error has one.
    public var description: String {
        if let line, let column { return "line \(line), column \(column): \(message)" }
        return path.isEmpty ? message : "\(path): \(message)"
    }
}
