internal import HTTPTransport
internal import Telemetry

/// A failed try of a call.
struct ARMFailure: Error {
    var error: ARMError
    /// Nil when no answer came.
    var response: HTTPResponse?
    var transportError: HTTPError?
}

/// Decides which failures are retried, and when. The caller handles 401 and 429.
enum ARMRetry {
    private static let policy = RetryPolicy()
    /// The codes that ARM gives when another operation works on the resource.
    private static let passingCodes = ["AnotherOperationInProgress", "RetryableErrorDueToAnotherOperation"]

    /// The pause before the next try; nil when the call is not retried. `tries` counts the tries so far.
    static func pause(
        after failure: ARMFailure, of call: ARMCall, tries: Int, random: Double, now: WallTime
    ) -> Duration? {
        let outcome: Result<HTTPResponse, HTTPError>
        if let transportError = failure.transportError {
            outcome = .failure(transportError)
        } else if failure.error.kind == .malformed {
            // A body that breaks off may arrive complete the next time; another unreadable body is not from ARM. The
            // failure of a read can end a pod's start, so that there are three tries.
            guard tries < 3 else { return nil }
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

    /// Whether another operation works on the resource. Then the rate of calls is not the reason, although the network
    /// provider reports this case with 429, too.
    static func isConflict(_ error: ARMError) -> Bool { passingCodes.contains { error.hasCode($0) } }
}

/// The wait before the next call to Azure.
enum ARMPause {
    /// The longest wait that a header can demand.
    static let limit = Duration.seconds(600)

    /// The advice of the answer; nil if there is none. `Retry-After: 0` is not advice, as in azure-core.
    static func advised(_ headers: HTTPHeaders, now: WallTime = .now) -> Duration? {
        RetryAfter.parse(headers, now: now).flatMap { $0 > .zero ? min($0, limit) : nil }
    }
}
