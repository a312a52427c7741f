/// Why bytes are not the JSON that was wanted.
///
/// It names places and kinds, never content: what is parsed here carries keys and credentials.
public struct JSONError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Where in the document, such as `pod-network.routes[2].dst`; empty for the whole, or when it could not be parsed.
    public var path: String
    /// What is wrong, as a clause: "expected a number, found a string".
    public var message: String
    /// Line from 1, if the bytes are no JSON at all.
    public var line: Int?
    /// Column from 1 in that line, counted in characters.
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

    /// The message, with the position or the path if there is one.
    public var description: String {
        if let line, let column { return "line \(line), column \(column): \(message)" }
        return path.isEmpty ? message : "\(path): \(message)"
    }
}
