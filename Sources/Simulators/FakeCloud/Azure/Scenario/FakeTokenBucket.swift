/// A bucket of calls that fills up evenly.
///
/// Azure fills some of its buckets once a minute; over minutes that is the same.
struct FakeTokenBucket: Equatable, Sendable {
    let capacity: Double
    /// Calls a second.
    let rate: Double
    private var level: Double
    private var last: Double

    /// A full bucket; times are seconds from any beginning.
    init(capacity: Double, rate: Double, at now: Double) {
        self.capacity = capacity
        self.rate = rate
        level = capacity
        last = now
    }

    /// How many calls are left.
    mutating func remaining(at now: Double) -> Double {
        level = min(capacity, level + max(0, now - last) * rate)
        last = max(last, now)
        return level
    }

    mutating func take() { level -= 1 }

    /// Seconds until there is one call.
    var wait: Double { level >= 1 ? 0 : (1 - level) / rate }
}
