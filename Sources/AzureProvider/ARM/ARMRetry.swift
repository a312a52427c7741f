internal import HTTPTransport
internal import Telemetry

/// One try of a call that came to nothing.
struct ARMFailure: Error {
    var error: ARMError
    /// Nil when nobody answered.
    var response: HTTPResponse?
    var transportError: HTTPError?
}

/// Which failures are worth another try, and when. 401 and 429 have their own ways.
enum ARMRetry {
    private static let policy = RetryPolicy()
    /// Said with 409 and the like when somebody else is at it.
    private static let passingCodes = ["AnotherOperationInProgress", "RetryableErrorDueToAnotherOperation"]

    /// The pause before the next try; nil when there should be none. `tries` counts those there were.
    static func pause(
        after failure: ARMFailure, of call: ARMCall, tries: Int, random: Double, now: WallTime
    ) -> Duration? {
        let outcome: Result<HTTPResponse, HTTPError>
        if let transportError = failure.transportError {
            outcome = .failure(transportError)
        } else if failure.error.kind == .malformed {
            // A body that breaks off may come whole the next time; one that does not is none of ARM's.
            guard tries < 2 else { return nil }
            outcome = .failure(HTTPError(.unknown, .brokenAnswer, failure.error.message))
        } else if let response = failure.response {
            let status = isConflict(failure.error) ? 503 : response.status
            outcome = .success(HTTPResponse(status: status, headers: response.headers))
        } else {
            return nil
        }
        return policy.delay(
            after: tries, for: outcome, isIdempotent: call.isIdempotent, random: random, now: now)
    }

    /// Whether it is not that there are too many calls, but that somebody else works on the same thing: the network provider
    /// says that with 429, too.
    static func isConflict(_ error: ARMError) -> Bool { passingCodes.contains { error.hasCode($0) } }
}

/// How long to leave Azure alone.
enum ARMPause {
    /// No header, however odd, makes us wait longer: who has waited that long may ask.
    static let limit = Duration.seconds(600)

    /// What the answer advises, if it does. `Retry-After: 0` is no advice: azure-core reads it so, too.
    static func advised(_ headers: HTTPHeaders, now: WallTime = .now) -> Duration? {
        RetryAfter.parse(headers, now: now).flatMap { $0 > .zero ? min($0, limit) : nil }
    }
}
