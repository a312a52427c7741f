/// The wait before the next try: a second at first, doubling to a minute, and never shorter than advised.
struct Backoff {
    static let first = Duration.seconds(1)
    static let limit = Duration.seconds(60)

    private var next = Backoff.first

    /// The wait before the next try, never less than `advised`.
    ///
    /// `random`, in `0..<1`, shortens the wait by up to a half, or lengthens the advised wait by up to a tenth. So the
    /// retries of calls that failed together are spread.
    mutating func wait(advised: Duration? = nil, random: Double) -> Duration {
        let own = next * (1 - random / 2)
        next = min(next * 2, Self.limit)
        guard let advised else { return own }
        return max(own, advised * (1 + random / 10))
    }
}
