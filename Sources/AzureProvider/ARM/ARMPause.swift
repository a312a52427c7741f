internal import HTTPTransport
internal import Telemetry

/// How long to leave Azure alone.
enum ARMPause {
    /// No header, however odd, makes us wait longer: who has waited that long may ask.
    static let limit = Duration.seconds(600)

    /// What the answer advises, if it does. `Retry-After: 0` is no advice: azure-core reads it so, too.
    static func advised(_ headers: HTTPHeaders, now: WallTime = .now) -> Duration? {
        RetryAfter.parse(headers, now: now).flatMap { $0 > .zero ? min($0, limit) : nil }
    }
}
