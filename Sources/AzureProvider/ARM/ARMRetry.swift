internal import HTTPTransport
internal import Telemetry

/// One try of a call that failed.
struct ARMFailure: Error {
    var error: ARMError
    /// Nil when no answer came.
    var response: HTTPResponse?
    var transportError: HTTPError?
}

/// Which failures are worth another try, and when. 401 and 429 are handled by the caller.
enum ARMRetry {
    private static let policy = RetryPolicy()
    /// The codes that ARM gives when another operation works on the resource.
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

    /// Whether another operation works on the resource, in which case the rate of calls is not the reason: the network
    /// provider reports that with 429, too.
    static func isConflict(_ error: ARMError) -> Bool { passingCodes.contains { error.hasCode($0) } }
}

/// How long to wait before the next call to Azure.
enum ARMPause {
    /// The longest wait that a header can demand.
    static let limit = Duration.seconds(600)

    /// What the answer advises, if it does. `Retry-After: 0` is not advice, as in azure-core.
    static func advised(_ headers: HTTPHeaders, now: WallTime = .now) -> Duration? {
        RetryAfter.parse(headers, now: now).flatMap { $0 > .zero ? min($0, limit) : nil }
    }
}
