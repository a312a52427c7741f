/// A bucket of so many calls, which fills again at a rate. A value that knows no clock.
struct TokenBucket: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// How many calls may go at once after a time of rest.
    let size: Double
    /// Calls a second.
    let rate: Double
    private var tokens: Double
    private var filled: Instant

    init(size: Double, rate: Double, now: Instant) {
        self.size = size
        self.rate = rate
        tokens = size
        filled = now
    }

    /// Takes a call out of the bucket, or says how long to wait before asking again.
    mutating func take(at now: Instant) -> Duration? {
        tokens = min(size, tokens + max(.zero, filled.duration(to: now)) / .seconds(1) * rate)
        filled = max(filled, now)
        // What is lost in rounding must not cost another wait.
        guard tokens < 0.999 else {
            tokens -= 1
            return nil
        }
        return .seconds((1 - tokens) / rate)
    }
}
