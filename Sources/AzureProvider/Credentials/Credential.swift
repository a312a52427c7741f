internal import PodVMLifecycle
package import Telemetry

/// One way to get a token.
protocol Credential: Sendable {
    /// The name in messages: `the client secret of application 1234 in tenant 5678`.
    var description: String { get }

    /// Requests a new token.
    func token(_ urgency: TokenUrgency) async throws(CredentialError) -> AccessToken
}

/// How urgently a token is needed.
enum TokenUrgency: Sendable {
    /// Callers cannot continue without a token: several tries, with pauses.
    case needed
    /// The old token is still valid, and a caller waits: one short try.
    case early

    /// The time limit of one try.
    var timeLimit: Duration { self == .needed ? .seconds(30) : .seconds(5) }
}

/// The token that a call to ARM carries.
package struct AccessToken: Sendable {
    /// The text after `Bearer`.
    package let value: Secret<String>
    /// The end by this process's monotonic clock, counted from the request: no wall clock has to be right.
    package let expires: ContinuousClock.Instant
    /// The time at which a new token is requested although this token is still valid.
    package let refreshes: ContinuousClock.Instant

    /// A token that was requested at `asked`.
    ///
    /// Without `refreshIn` of the server, the refresh comes after half of the lifetime if that is two hours or more,
    /// else five minutes before its end (azure-identity's rule).
    init(_ value: String, lifetime: Duration, refreshIn: Duration? = nil, asked: ContinuousClock.Instant) {
        self.value = Secret(value)
        expires = asked.advanced(by: lifetime)
        let own = lifetime >= .seconds(7200) ? lifetime / 2 : max(.zero, lifetime - .seconds(300))
        refreshes = asked.advanced(by: min(refreshIn ?? own, lifetime))
    }
}

/// Why no token is available.
package struct CredentialError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The part that failed; it decides whether another request may succeed.
    package enum Kind: Hashable, Sendable {
        /// A setting or a file is missing.
        case incomplete
        /// The token server refused; another request has the same result.
        case refused
        /// The token server cannot be reached at the moment.
        case unreachable
        /// The answer is not a token.
        case malformed
        /// The task that requested the token was cancelled.
        case cancelled
    }

    /// The part that failed.
    package var kind: Kind
    /// `AADSTS7000215`, `invalid_client`, or empty.
    package var code: String
    /// What failed, for which object, why, and what to do. It has no secret.
    package var description: String
    /// The wait before the next request that the token server asks for; nil: it names none.
    package var retryAfter: Duration?

    /// An error; `description` must have no secret.
    package init(_ kind: Kind, code: String = "", _ description: String) {
        self.kind = kind
        self.code = code
        self.description = description
    }

    /// The error without the secrets of `redactor`.
    func redacted(by redactor: Redactor) -> CredentialError {
        var error = self
        error.code = redactor.redacted(code)
        error.description = redactor.redacted(description)
        return error
    }
}
