/// A token bucket for calls that is refilled continuously.
///
/// Azure refills some of its buckets once a minute; over several minutes the result is the same.
struct FakeTokenBucket: Equatable, Sendable {
    let capacity: Double
    /// Calls a second.
    let rate: Double
    private var level: Double
    private var last: Double

    /// A full bucket; times are in seconds since a fixed time.
    init(capacity: Double, rate: Double, at now: Double) {
        self.capacity = capacity
        self.rate = rate
        level = capacity
        last = now
    }

    /// The number of calls that are left.
    mutating func remaining(at now: Double) -> Double {
        level = min(capacity, level + max(0, now - last) * rate)
        last = max(last, now)
        return level
    }

    mutating func take() { level -= 1 }

    /// The seconds until one call is left.
    var wait: Double { level >= 1 ? 0 : (1 - level) / rate }
}
