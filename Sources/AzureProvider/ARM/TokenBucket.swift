/// How fast calls of one class may go: a bucket of so many calls, which fills again at a rate that falls to a quarter when
/// Azure refuses and grows again while it does not (additive increase, multiplicative decrease).
///
/// A value that knows no clock. Several nodes drain Azure's buckets together, so what Azure tells of them counts for more than
/// what this one has taken.
struct TokenBucket: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// How many calls may go at once after a time of rest.
    let size: Double
    /// Calls a second at the most.
    let topRate: Double

    private(set) var rate: Double
    private var tokens: Double
    private var filled: Instant
    /// Nothing goes before.
    private(set) var opens: Instant
    /// Grows with each refusal that tells something new. What was sent before it does not count against the new rate.
    private(set) var epoch = 0
    private var strikes = 0
    /// In `0...1`: how empty Azure's own bucket was when it last said so.
    private var pressure = 0.0
    private var pressureSince: Instant
    /// How long a rest is at most, in seconds, when Azure's bucket is empty.
    private var rests = TokenBucket.shortestRest

    /// What Azure says of its buckets is old after that long: they fill from nothing in ten seconds to a minute.
    static let memory = Duration.seconds(60)
    /// However often we are refused, a call goes now and then: in half a minute or so.
    private static let lowestRate = 0.005
    /// For two nodes, and for thousands.
    private static let shortestRest = 20.0
    private static let longestRest = 480.0
    /// Azure's bucket is nearly empty.
    private static let lowShare = 0.25

    init(size: Double, rate: Double, now: Instant) {
        self.size = size
        topRate = rate
        self.rate = rate
        tokens = size
        filled = now
        opens = now
        pressureSince = now
    }

    /// Takes a call out of the bucket, or says how long to wait before asking again.
    mutating func take(at now: Instant) -> Duration? {
        if now < opens { return now.duration(to: opens) }
        fill(at: now)
        // What is lost in rounding must not cost another wait.
        if tokens >= 0.999 {
            tokens -= 1
            return nil
        }
        return .seconds((1 - tokens) / currentRate(at: now))
    }

    /// Azure has refused a call (429) that was taken in `epoch`, and wants rest for `pause`.
    ///
    /// Azure's pause is the same for all nodes that it refused together. `random`, in `0..<1`, spreads them out, over the longer
    /// the oftener it happens: a thousand nodes need minutes for what one does in seconds.
    mutating func refused(at now: Instant, takenIn epoch: Int, pause: Duration?, random: Double) {
        let rest = pause ?? .seconds(min(60, 2 << strikes))
        // Of many that were refused at once, one is news; the others can only make the pause longer.
        if epoch == self.epoch {
            let spread = max(rest, .seconds(min(480, 40 << strikes)))
            opens = max(opens, now.advanced(by: rest + spread * random))
            rate = max(topRate * Self.lowestRate, rate / 4)
            strikes = min(strikes + 1, 8)
            rests = min(Self.longestRest, rests * 4)
            self.epoch += 1
        } else {
            opens = max(opens, now.advanced(by: rest))
        }
        tokens = 1
        filled = max(filled, opens)
    }

    /// Azure has served a call that was taken in `epoch`; its own bucket is this full, in `0...1`, if it said so.
    ///
    /// All nodes see the same level, and it tells them how many they are: the emptier the bucket, the longer each rests, by
    /// chance, until together they take out what flows in. If it is still nearly empty after that, they are more than was
    /// thought, and rest longer.
    mutating func served(at now: Instant, takenIn epoch: Int, share: Double? = nil, random: Double) {
        if epoch == self.epoch {
            strikes = max(0, strikes - 1)
            if share ?? 1 > Self.lowShare { rate = min(topRate, rate + topRate / 20) }
        }
        guard let share else { return }
        fill(at: now)
        pressure = max(0, min(1, 1 - 2 * share))
        pressureSince = now
        if now >= opens { rests = Self.rests(after: rests, share: share) }
        let end = now.advanced(by: .seconds(rests) * (pressure * pressure * random))
        guard end > opens else { return }
        opens = end
        guard pressure > 0.3 else { return }
        // What was saved up would go all at once.
        tokens = min(tokens, 1)
        filled = max(filled, opens)
    }

    private static func rests(after rests: Double, share: Double) -> Double {
        if share < lowShare { return min(longestRest, rests * 2) }
        return share > 0.4 ? max(shortestRest, rests / 2) : rests
    }

    private mutating func fill(at now: Instant) {
        let ceiling = max(1, size * (1 - pressure(at: now)))
        let elapsed = max(.zero, filled.duration(to: now)) / .seconds(1)
        tokens = min(ceiling, tokens + elapsed * currentRate(at: now))
        filled = max(filled, now)
    }

    private func currentRate(at now: Instant) -> Double {
        max(topRate * Self.lowestRate, rate * (1 - pressure(at: now)))
    }

    private func pressure(at now: Instant) -> Double {
        pressure * max(0, 1 - pressureSince.duration(to: now) / Self.memory)
    }
}
