internal import HTTPTransport

/// How long to leave ARM alone.
enum ARMPause {
    /// No header, however odd, makes us wait longer: who has waited that long may ask.
    static let limit = Duration.seconds(600)

    /// What the answer advises, if it does. `Retry-After: 0` is no advice: azure-core reads it so, too.
    static func advised(_ headers: HTTPHeaders) -> Duration? {
        headers["Retry-After"].flatMap { Int64($0) }.flatMap { $0 > 0 ? min(.seconds($0), limit) : nil }
    }
}
