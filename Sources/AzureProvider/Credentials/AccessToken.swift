package import Telemetry

/// What a call to ARM carries.
package struct AccessToken: Sendable {
    package let value: Secret<String>
    /// By our own clock, counted from when it came: neither's wall clock has to be right.
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
