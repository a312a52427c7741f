public import Telemetry

/// Decides when to send a failed request again. It is a pure value, and no part of the client.
///
/// If the server requests a delay (``RetryAfter``), the pause is at least that delay. A random part is added, because
/// the server gives other clients the same delay. Otherwise each step doubles, and the pause is between one half and
/// the whole of the step.
public struct RetryPolicy: Sendable, Equatable {
    /// The maximum number of attempts, with the first one.
    public var attempts = 5
    /// The step of the first pause.
    var firstDelay = Duration.milliseconds(800)
    /// The longest step.
    var longestDelay = Duration.seconds(30)
    /// The longest delay of a server. If a server requests a longer delay, there is no further attempt.
    var longestWait = Duration.seconds(120)

    /// Makes a policy with five attempts in about 12 seconds.
    public init() {}

    /// The pause before the next attempt after `attempt` attempts (from 1). It is nil if there is no further attempt:
    /// the attempt cannot succeed, could execute the request twice, or would exceed the limit.
    ///
    /// A request is idempotent if sending it twice has the same effect as sending it once. For ARM this holds for all
    /// requests except most POSTs. `random` is in `0..<1`, and differs in each call.
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
            // The server refused the request without executing it.
            case 429: break
            // A request may be repeated if its refusal has a delay.
            case _ where wish != nil: break
            case 408, 500, 502, 503, 504, 506...: if !isIdempotent { return nil }
            default: return nil
            }
            guard let wish else { return backOff(attempt, random) }
            return wish > longestWait ? nil : wish + (wish / 2 + .milliseconds(250)) * random
        case .failure(let error):
            guard error.mayPass, isIdempotent || error.effect == .notSent else { return nil }
            // Most likely the server closed an idle connection at the moment at which the client used it.
            if error.reason == .brokenAnswer, attempt == 1 { return .milliseconds(100) * random }
            return backOff(attempt, random)
        }
    }

    private func backOff(_ attempt: Int, _ random: Double) -> Duration {
        // 2^20 times the first step is longer than any longest delay.
        let step = min(firstDelay * (1 << min(attempt - 1, 20)), longestDelay)
        return step / 2 + step / 2 * random
    }
}

extension HTTPError {
    /// Whether the next attempt may succeed.
    fileprivate var mayPass: Bool {
        switch reason {
        case .nameResolution, .connection, .proxy, .deadline, .brokenAnswer: true
        // The adaptor or a setting causes these failures.
        case .malformedRequest, .security, .answerTooLarge, .cancelled, .client: false
        }
    }
}
