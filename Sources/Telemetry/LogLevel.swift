/// How much a log line matters.
public enum LogLevel: Int, Sendable, CaseIterable, Comparable, CustomStringConvertible {
    /// For finding the cause of a problem.
    case debug
    /// What happened, once per thing that a person would ask about.
    case info
    /// Something is not as it should be, and we went on.
    case warning
    /// Something that was asked for was not done.
    case error

    /// The level called `name`, as flags and environment spell it.
    public init?(name: String) {
        switch name.lowercased() {
        case "debug": self = .debug
        case "info": self = .info
        case "warning", "warn": self = .warning
        case "error": self = .error
        default: return nil
        }
    }

    /// The name of the level in settings and log lines.
    public var description: String {
        switch self {
        case .debug: "debug"
        case .info: "info"
        case .warning: "warning"
        case .error: "error"
        }
    }

    /// Whether `left` is less severe than `right`.
    public static func < (left: LogLevel, right: LogLevel) -> Bool { left.rawValue < right.rawValue }
}
