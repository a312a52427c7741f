/// The severity of a log line.
public enum LogLevel: Int, Sendable, CaseIterable, Comparable, CustomStringConvertible {
    /// Details that help to find the cause of a problem.
    case debug
    /// An event, once for each object that an operator may ask about.
    case info
    /// A problem after which the program continues.
    case warning
    /// A request that failed.
    case error

    /// The level with this name, as flags and environment variables spell it.
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
