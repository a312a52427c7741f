internal import LinuxIO
package import Telemetry

/// Logs warnings that a peer can cause. The log gets a few in each period, because an attacker could flood it.
package final class RateLimitedLogger: Sendable {
    private struct State {
        var window = ContinuousClock.now
        var written = 0
    }

    private let state = Lock(State())
    private let logger: Logger

    /// The limit of warnings in one window. Further warnings are logged at debug level.
    private static let limit = 20
    private static let window = Duration.seconds(10)

    /// Logs to `logger`.
    package init(_ logger: Logger) { self.logger = logger }

    /// Logs a warning, or a debug message above the limit.
    package func warning(_ message: @autoclosure () -> String) {
        let now = ContinuousClock.now
        let isNews = state.withLock { state in
            if now - state.window > RateLimitedLogger.window { state = State(window: now) }
            state.written += 1
            return state.written <= RateLimitedLogger.limit
        }
        if isNews { logger.warning(message()) } else { logger.debug(message()) }
    }
}
