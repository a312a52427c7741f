internal import LinuxIO

/// Writes log lines, each with a level, a message and fields.
///
/// A value: ``with(_:_:)`` makes a logger that adds a field to each of its lines, so
/// that who works on a sandbox need not name it again. Messages and fields are not
/// even computed for a line that is not written.
public struct Logger: Sendable {
    /// How a line looks.
    public enum Format: Sendable {
        /// For eyes when standard error is a terminal, else JSON.
        case automatic
        /// One aligned line of text.
        case human
        /// One JSON object a line: `time`, `level`, `message` and the fields.
        case json
    }

    /// Takes one whole line, its newline included.
    public typealias Sink = @Sendable (_ line: [UInt8]) -> Void

    private struct Output: Sendable {
        let level: LogLevel
        let style: LineStyle
        let redactor: Redactor
        let sink: Sink
    }

    /// nil when nothing is to be written.
    private let output: Output?
    private var context: [LogField] = []

    /// A logger of the lines at `level` and above, to standard error with one write(2) each.
    public init(level: LogLevel = .info, format: Format = .automatic, redactor: Redactor = Redactor()) {
        let style: LineStyle =
            switch format {
            case .json: .json
            case .human: .human(colored: false)
            case .automatic: StandardError.isTerminal ? .human(colored: true) : .json
            }
        output = Output(level: level, style: style, redactor: redactor, sink: { StandardError.write($0) })
    }

    /// A logger of the lines at `level` and above, to `sink`.
    public init(level: LogLevel, format: Format, redactor: Redactor = Redactor(), sink: @escaping Sink) {
        let style: LineStyle = if case .human = format { .human(colored: false) } else { .json }
        output = Output(level: level, style: style, redactor: redactor, sink: sink)
    }

    private init() { output = nil }

    /// A logger that writes nothing, at the cost of one comparison.
    public static let silent = Logger()

    /// What no line shows: shared by all loggers that come from one; nil when nothing is written.
    public var redactor: Redactor? { output?.redactor }

    /// This logger with one more field on each line; a field of the same key is replaced.
    public func with(_ key: String, _ value: some CustomStringConvertible) -> Logger {
        output == nil ? self : with(LogField(key, value))
    }

    /// This logger with one more field on each line; a field of the same key is replaced.
    public func with(_ field: LogField) -> Logger {
        guard output != nil else { return self }
        var copy = self
        copy.context.removeAll { $0.key == field.key }
        copy.context.append(field)
        return copy
    }

    /// Whether a line of `level` would be written.
    public func isEnabled(_ level: LogLevel) -> Bool { output.map { level >= $0.level } ?? false }

    /// Writes a line that only helps in finding a cause.
    public func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        log(.debug, message, fields)
    }

    /// Writes a line about what happened.
    public func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        log(.info, message, fields)
    }

    /// Writes a line about what is wrong, but was survived.
    public func warning(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        log(.warning, message, fields)
    }

    /// Writes a line about what was not done.
    public func error(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        log(.error, message, fields)
    }

    private func log(_ level: LogLevel, _ message: () -> String, _ fields: () -> [LogField]) {
        guard let output, level >= output.level else { return }
        var all = context
        for field in fields() {
            all.removeAll { $0.key == field.key }
            all.append(field)
        }
        let redactor = output.redactor
        output.sink(
            output.style.line(
                at: WallTime.now, level, redactor.redacted(message()), all.map { $0.redacted(by: redactor) }))
    }
}
