internal import HTTPTransport
internal import Telemetry

/// One try of a call that came to nothing.
struct ARMFailure: Error {
    var error: ARMError
    /// Nil when nobody answered.
    var response: HTTPResponse?
    var silence: HTTPError?
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
        if let silence = failure.silence {
            outcome = .failure(silence)
        } else if failure.error.kind == .malformed {
            // A body that breaks off may come whole the next time; one that does not is none of ARM's.
            guard tries < 2 else { return nil }
            outcome = .failure(HTTPError(.unknown, .brokenAnswer, failure.error.message))
        } else if let response = failure.response {
            let status = isAboutAnother(failure.error) ? 503 : response.status
            outcome = .success(HTTPResponse(status: status, headers: response.headers))
        } else {
            return nil
        }
        return policy.delay(
            after: tries, for: outcome, isIdempotent: call.isIdempotent, random: random, now: now)
    }

    /// Whether it is not that there are too many calls, but that somebody else works on the same thing: the network provider
    /// says that with 429, too.
    static func isAboutAnother(_ error: ARMError) -> Bool { passingCodes.contains { error.hasCode($0) } }
}
