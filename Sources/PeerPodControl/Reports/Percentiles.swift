/// The distribution of a set of durations.
struct Percentiles: Equatable, Sendable {
    let p50: Duration
    let p90: Duration
    let p99: Duration
    let max: Duration

    /// By nearest rank: each value is a measured duration. Nil when there is none.
    init?(of durations: [Duration]) {
        let sorted = durations.sorted()
        guard let last = sorted.last else { return nil }
        func rank(_ percent: Int) -> Duration {
            // The smallest value that at least `percent` of them do not exceed.
            sorted[Swift.max((sorted.count * percent + 99) / 100, 1) - 1]
        }
        p50 = rank(50)
        p90 = rank(90)
        p99 = rank(99)
        max = last
    }
}
