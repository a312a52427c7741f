internal import LinuxIO
internal import Telemetry

/// Warnings that a peer can cause: the log has a few in each period, because an attacker could flood it.
final class RateLimitedLogger: Sendable {
    private struct State {
        var window = ContinuousClock.now
        var written = 0
    }

    private let state = Lock(State())
    private let logger: Logger

    /// Warnings in one window; further ones are written for debugging only.
    private static let limit = 20
    private static let window = Duration.seconds(10)

    init(_ logger: Logger) { self.logger = logger }

    func warning(_ message: @autoclosure () -> String) {
        let now = ContinuousClock.now
        let isNews = state.withLock { state in
            if now - state.window > RateLimitedLogger.window { state = State(window: now) }
            state.written += 1
            return state.written <= RateLimitedLogger.limit
        }
        if isNews { logger.warning(message()) } else { logger.debug(message()) }
    }
}
