internal import LinuxIO

/// Writes log lines, each with a level, a message and fields.
///
/// A logger is a value. ``with(_:_:)`` makes a logger that adds a field to each of its lines, so that code for a
/// sandbox need not name the sandbox again. Messages and fields of a line that is not written are not computed.
public struct Logger: Sendable {
    /// The format of a line.
    public enum Format: Sendable {
        /// Text if standard error is a terminal, otherwise JSON.
        case automatic
        /// One aligned line of text, for people.
        case human
        /// One JSON object in each line: `time`, `level`, `message` and the fields.
        case json
        /// Lines with the prefix of the Go cloud-api-adaptor, whose test suite reads them.
        case upstream
    }

    /// Receives one whole line, including its newline.
    public typealias Sink = @Sendable (_ line: [UInt8]) -> Void

    private struct Output: Sendable {
        let level: LogLevel
        let style: LineStyle
        let redactor: Redactor
        let sink: Sink
    }

    /// nil if the logger writes nothing.
    private let output: Output?
    private var context: [LogField] = []

    /// Makes a logger for lines at `level` and above. It writes each line to standard error with one write(2).
    public init(level: LogLevel = .info, format: Format = .automatic, redactor: Redactor = Redactor()) {
        let style: LineStyle =
            switch format {
            case .json: .json
            case .upstream: .upstream
            case .human: .human(colored: false)
            case .automatic: StandardError.isTerminal ? .human(colored: true) : .json
            }
        output = Output(level: level, style: style, redactor: redactor, sink: { StandardError.write($0) })
    }

    /// Makes a logger for lines at `level` and above. It passes each line to `sink`.
    public init(level: LogLevel, format: Format, redactor: Redactor = Redactor(), sink: @escaping Sink) {
        let style: LineStyle =
            switch format {
            case .human: .human(colored: false)
            case .upstream: .upstream
            case .json, .automatic: .json
            }
        output = Output(level: level, style: style, redactor: redactor, sink: sink)
    }

    private init() { output = nil }

    /// A logger that writes nothing and costs one comparison.
    public static let silent = Logger()

    /// The secrets that no line shows. Loggers that are derived from one logger share it. nil if the logger writes
    /// nothing.
    public var redactor: Redactor? { output?.redactor }

    /// This logger with one more field on each line. The field replaces a field with the same key.
    public func with(_ key: String, _ value: some CustomStringConvertible) -> Logger {
        output == nil ? self : with(LogField(key, value))
    }

    /// This logger with one more field on each line. The field replaces a field with the same key.
    public func with(_ field: LogField) -> Logger {
        guard output != nil else { return self }
        var copy = self
        copy.context.removeAll { $0.key == field.key }
        copy.context.append(field)
        return copy
    }

    /// Whether the logger writes lines of `level`.
    public func isEnabled(_ level: LogLevel) -> Bool { output.map { level >= $0.level } ?? false }

    /// Writes a line that helps to find the cause of a problem.
    public func debug(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        log(.debug, message, fields)
    }

    /// Writes a line about an event.
    public func info(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        log(.info, message, fields)
    }

    /// Writes a line about a problem after which the program continues.
    public func warning(_ message: @autoclosure () -> String, _ fields: @autoclosure () -> [LogField] = []) {
        log(.warning, message, fields)
    }

    /// Writes a line about a request that failed.
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
