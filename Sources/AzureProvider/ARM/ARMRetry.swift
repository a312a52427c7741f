internal import HTTPTransport

/// One try of a call that came to nothing.
struct ARMFailure: Error {
    var error: ARMError
    /// Nil when nobody answered.
    var response: HTTPResponse?
    var silence: HTTPError?
}

/// Which failures are worth another try, and when (azure-core's retry policy, ARM's RPC addendum). 401 and 429 have their own
/// ways.
enum ARMRetry {
    private static let statuses: Set<Int> = [408, 500, 502, 503, 504]
    /// Said with 409 and the like when somebody else is at it.
    private static let passingCodes = ["AnotherOperationInProgress", "RetryableErrorDueToAnotherOperation"]
    private static let longestOwnPause = Duration.seconds(30)

    /// The pause before the next try; nil when there should be none. `tries` counts those there were.
    static func pause(after failure: ARMFailure, of call: ARMCall, tries: Int, limit: Int, random: Double) -> Duration?
    {
        guard tries < limit, isWorthIt(failure, call, tries) else { return nil }
        let own = min(longestOwnPause, .milliseconds(800 << min(tries - 1, 10))) * (1 - random / 2)
        guard let advised = failure.error.retryAfter else { return own }
        return max(own, advised * (1 + random / 4))
    }

    private static func isWorthIt(_ failure: ARMFailure, _ call: ARMCall, _ tries: Int) -> Bool {
        if let silence = failure.silence {
            switch silence.reason {
            case .nameResolution, .connection, .proxy, .deadline, .brokenAnswer:
                return silence.effect == .notSent || call.isIdempotent
            case .malformedRequest, .security, .answerTooLarge, .cancelled, .client: return false
            }
        }
        guard let response = failure.response else { return false }
        // A body that breaks off may come whole the next time; one that does not is none of ARM's.
        if failure.error.kind == .malformed { return call.isIdempotent && tries < 2 }
        if statuses.contains(response.status) { return call.isIdempotent || failure.error.retryAfter != nil }
        return call.isIdempotent && isAboutAnother(failure.error)
    }

    /// Whether it is not that there are too many calls, but that somebody else works on the same thing: the network provider
    /// says that with 429, too.
    static func isAboutAnother(_ error: ARMError) -> Bool { passingCodes.contains { error.hasCode($0) } }
}
