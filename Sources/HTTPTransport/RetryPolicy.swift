public import Telemetry

/// When to send a request again that did not succeed: a pure value, beside the client and not inside.
///
/// The server's own word (``RetryAfter``) comes first: never sooner, but spread out, because others were told the same.
/// Otherwise pauses double, each between one half and the whole of its step.
public struct RetryPolicy: Sendable, Equatable {
    /// How often to send at most, the first time included.
    public var attempts = 5
    /// The first pause's step.
    var firstDelay = Duration.milliseconds(800)
    /// The longest step.
    var longestDelay = Duration.seconds(30)
    /// If a server demands a longer pause, there is no further attempt.
    var longestWait = Duration.seconds(120)

    /// Five attempts in about 12 seconds.
    public init() {}

    /// How long to wait before the next attempt, `attempt` of them (from 1) having been made; nil when there is none
    /// to make: it cannot help, might do something twice, or enough have been made.
    ///
    /// A request is idempotent if two of them do no more than one: for ARM all but most POSTs. `random` is in `0..<1`,
    /// another each time.
    public func delay(
        after attempt: Int, for outcome: Result<HTTPResponse, HTTPError>, isIdempotent: Bool, random: Double,
        now: WallTime
    ) -> Duration? {
        guard attempt < attempts else { return nil }
        switch outcome {
        case .success(let response):
            guard response.status >= 400 else { return nil }
            let wish = RetryAfter.parse(response.headers, now: now)
            switch response.status {
            // Turned away at the door, without a look at what it was.
            case 429: break
            // Any refusal that says when to come again may be asked again.
            case _ where wish != nil: break
            case 408, 500, 502, 503, 504, 506...: if !isIdempotent { return nil }
            default: return nil
            }
            guard let wish else { return backOff(attempt, random) }
            return wish > longestWait ? nil : wish + (wish / 2 + .milliseconds(250)) * random
        case .failure(let error):
            guard error.mayPass, isIdempotent || error.effect == .notSent else { return nil }
            // Most likely a connection that was kept, and that the server dropped at that very moment.
            if error.reason == .brokenAnswer, attempt == 1 { return .milliseconds(100) * random }
            return backOff(attempt, random)
        }
    }

    private func backOff(_ attempt: Int, _ random: Double) -> Duration {
        // 2^20 steps are beyond any longest delay.
        let step = min(firstDelay * (1 << min(attempt - 1, 20)), longestDelay)
        return step / 2 + step / 2 * random
    }
}

extension HTTPError {
    /// Whether the next attempt may fare better.
    fileprivate var mayPass: Bool {
        switch reason {
        case .nameResolution, .connection, .proxy, .deadline, .brokenAnswer: true
        // Our own fault, or a setting's.
        case .malformedRequest, .security, .answerTooLarge, .cancelled, .client: false
        }
    }
}
