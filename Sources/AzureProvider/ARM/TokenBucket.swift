/// How fast calls of one class may go.
///
/// Normally a bucket of so many calls that fills again at a rate. But all nodes drain Azure's own bucket together, so what
/// Azure tells of that counts for more. Two things steer us, and bring any number of nodes to take out just what flows in:
///
/// - Its **level**, which comes with most answers. All nodes see the same. The emptier it is, the longer each rests, by
///   chance; if it is still nearly empty after that, they are more than was thought, and rest longer.
/// - A **refusal** (429). Then calls go one at a time, at the pace at which Azure has been serving us, until the level rises.
///
/// A value that knows no clock.
struct TokenBucket: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// How many calls may go at once after a time of rest.
    let size: Double
    /// Calls a second at the most.
    let topRate: Double
    /// How long Azure's bucket takes to fill, in seconds.
    let refill: Double

    private var tokens: Double
    private var filled: Instant
    /// Nothing goes before.
    private(set) var opens: Instant
    /// Grows with each refusal that tells something new: what was sent before it does not count for or against what came of it.
    private(set) var epoch = 0
    /// Calls a second since a refusal; nil in normal times.
    private(set) var pace: Double?
    /// How many calls Azure has served within about the last `refill`.
    private var recent = 0.0
    private var recentSince: Instant
    /// In `0...1`: how empty Azure's bucket was when it last said so.
    private var pressure = 0.0
    private var pressureSince: Instant
    /// How long a rest is at most, in seconds, when Azure's bucket is empty.
    private var rests = TokenBucket.shortestRest

    /// What Azure says of its buckets is old after that long.
    private static let memory = Duration.seconds(60)
    /// For two nodes, and for thousands.
    private static let shortestRest = 20.0
    private static let longestRest = 480.0
    private static let slowestPace = 1.0 / 400
    /// Who has been served nothing is one of a crowd: this many calls are taken to be its share.
    private static let shareOfOneInCrowd = 0.25
    /// Below that, Azure's bucket is nearly empty.
    private static let lowLevel = 0.25

    init(size: Double, rate: Double, refill: Double, now: Instant) {
        self.size = size
        topRate = rate
        self.refill = refill
        tokens = size
        (filled, opens, recentSince, pressureSince) = (now, now, now, now)
    }

    /// Takes a call out of the bucket, or says how long to wait before asking again. `random` is in `0..<1`.
    mutating func take(at now: Instant, random: Double) -> Duration? {
        if now < opens { return now.duration(to: opens) }
        if let pace {
            opens = now.advanced(by: .seconds((0.5 + random) / pace))
            return nil
        }
        fill(at: now)
        // What is lost in rounding must not cost another wait.
        if tokens >= 0.999 {
            tokens -= 1
            return nil
        }
        return .seconds((1 - tokens) / (topRate * (1 - pressure(at: now) * 0.995)))
    }

    /// Azure has refused a call that was taken in `epoch`, and wants rest for `pause`, which is the same for all nodes that it
    /// refused together; `random` spreads them out.
    mutating func refused(at now: Instant, takenIn epoch: Int, pause: Duration?, random: Double) {
        let rest = pause ?? .seconds(2)
        forget(at: now)
        // Of many that were refused at once, one is news; the others can only make the pause longer.
        if epoch == self.epoch {
            self.epoch += 1
            let served = (recent + Self.shareOfOneInCrowd) / refill
            let slower = max(Self.slowestPace, min(served, pace.map { $0 / 2 } ?? topRate))
            pace = slower
            rests = min(Self.longestRest, rests * 4)
            opens = max(opens, now.advanced(by: rest + .seconds(random / slower)))
        } else {
            opens = max(opens, now.advanced(by: rest))
        }
    }

    /// Azure has served a call that was taken in `epoch`; its bucket is this full, in `0...1`, if it said so.
    mutating func served(at now: Instant, takenIn epoch: Int, level: Double? = nil, random: Double) {
        forget(at: now)
        recent += 1
        if let pace {
            if epoch == self.epoch { change(pace, at: now, level: level, random: random) }
        } else if let level {
            rest(at: now, level: level, random: random)
        }
    }

    private mutating func change(_ pace: Double, at now: Instant, level: Double?, random: Double) {
        var next = max(Self.slowestPace, pace * Self.factor(level))
        if next >= topRate || level ?? 0 > 0.75 {
            next = topRate
            self.pace = nil
            tokens = 1
            filled = now
        } else {
            self.pace = next
        }
        // A quicker pace shortens the wait that was reckoned by the old one.
        if next > pace { opens = min(opens, now.advanced(by: .seconds((0.5 + random) / next))) }
    }

    private static func factor(_ level: Double?) -> Double {
        guard let level else { return 2 }
        return level > 0.5 ? 2 : level > lowLevel ? 1.2 : 0.7
    }

    private mutating func rest(at now: Instant, level: Double, random: Double) {
        fill(at: now)
        pressure = max(0, min(1, 1 - 2 * level))
        pressureSince = now
        if now >= opens {
            if level < Self.lowLevel {
                rests = min(Self.longestRest, rests * 2)
            } else if level > 0.4 {
                rests = max(Self.shortestRest, rests / 2)
            }
        }
        let end = now.advanced(by: .seconds(rests) * (pressure * pressure * random))
        guard end > opens else { return }
        opens = end
        guard pressure > 0.3 else { return }
        // What was saved up would go all at once.
        tokens = min(tokens, 1)
        filled = max(filled, opens)
    }

    private mutating func fill(at now: Instant) {
        let pressure = pressure(at: now)
        let elapsed = max(.zero, filled.duration(to: now)) / .seconds(1)
        tokens = min(max(1, size * (1 - pressure)), tokens + elapsed * topRate * (1 - pressure * 0.995))
        filled = max(filled, now)
    }

    private func pressure(at now: Instant) -> Double {
        pressure * max(0, 1 - pressureSince.duration(to: now) / Self.memory)
    }

    private mutating func forget(at now: Instant) {
        recent *= max(0, 1 - recentSince.duration(to: now) / .seconds(refill))
        recentSince = now
    }
}
