internal import PodVMLifecycle
package import Telemetry

/// One way to get a token.
protocol Credential: Sendable {
    /// For people: `the client secret of application 1234 in tenant 5678`.
    var description: String { get }

    /// A new token.
    func token(_ urgency: TokenUrgency) async throws(CredentialError) -> AccessToken
}

/// How urgently a token is needed.
enum TokenUrgency: Sendable {
    /// Callers cannot go on without a token: several tries, with pauses.
    case needed
    /// The old token is still valid, and a caller waits: one short try.
    case early

    /// How long one try may take.
    var timeLimit: Duration { self == .needed ? .seconds(30) : .seconds(5) }
}

/// The token that a call to ARM carries.
package struct AccessToken: Sendable {
    package let value: Secret<String>
    /// By this process's monotonic clock, counted from the request: no wall clock has to be right.
    package let expires: ContinuousClock.Instant
    /// From when on a new one is asked for while this one still serves.
    package let refreshes: ContinuousClock.Instant

    /// A token that was asked for at `asked`.
    ///
    /// Without `refreshIn` of the server, half of its life if that is two hours or more, else all but five minutes
    /// (azure-identity's rule).
    init(_ value: String, lifetime: Duration, refreshIn: Duration? = nil, asked: ContinuousClock.Instant) {
        self.value = Secret(value)
        expires = asked.advanced(by: lifetime)
        let own = lifetime >= .seconds(7200) ? lifetime / 2 : max(.zero, lifetime - .seconds(300))
        refreshes = asked.advanced(by: min(refreshIn ?? own, lifetime))
    }
}

/// Why there is no token.
package struct CredentialError: Error, Equatable, Sendable, CustomStringConvertible {
    package enum Kind: Hashable, Sendable {
        /// A setting or a file is missing.
        case incomplete
        /// The token server refused; asking again does not help.
        case refused
        /// The token server cannot be reached at the moment.
        case unreachable
        /// The answer is not a token.
        case malformed
        case cancelled
    }

    package var kind: Kind
    /// `AADSTS7000215`, `invalid_client`, or empty.
    package var code: String
    /// What failed, on what, why, and what to do. No secret.
    package var description: String
    package var retryAfter: Duration?

    package init(_ kind: Kind, code: String = "", _ description: String) {
        self.kind = kind
        self.code = code
        self.description = description
    }

    /// The error without what `redactor` hides.
    func redacted(by redactor: Redactor) -> CredentialError {
        var error = self
        error.code = redactor.redacted(code)
        error.description = redactor.redacted(description)
        return error
    }
}
