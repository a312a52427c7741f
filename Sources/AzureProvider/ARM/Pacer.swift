/// How fast calls of one class may go, when any number of nodes share one of Azure's buckets and none knows the others.
///
/// What a node knows is how its own calls fare: each answer tells how full Azure's bucket is, a 429 that it is empty.
///
/// - **free**: while that is well filled, a node sends as it likes, within half of what Azure lets everybody. But whoever
///   has heard nothing for a while sends one call and waits for what it brings, as a thousand others may be doing the same.
/// - **paced**: once the bucket is half empty, or has refused us, one call at a time at a rate of our own, at random moments.
///   The rate begins with our part of what was taken, rises while the bucket fills, falls while it drains, and halves with
///   each refusal; so that together the nodes take what flows in. A node that is alone finds that out with one answer.
///
/// Simulated for writes (200, and 10 more a second): 5 calls of each of 1,000 nodes, all in one moment, are refused some 900
/// times in the first seconds, when nobody can know, and some 350 times later; 90 % are served within 450 s, of the 480 s that
/// it takes at best. Spread over 500 s none is refused. One node's 300 calls take 26 s.
///
/// A value that knows no clock.
struct Pacer: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// A bucket of Azure's: so many calls at once, and so many more a second.
    struct Limit: Equatable {
        var size: Double
        var rate: Double
    }

    private enum Mode: Equatable {
        /// So many calls under way at once.
        case free(window: Int)
        /// So many calls a second.
        case paced(Double)
    }

    let limit: Limit
    private var mode = Mode.free(window: 1)
    /// Our own share of the bucket, which bounds us even when nobody else is there.
    private var own: TokenBucket
    /// Nothing goes before.
    private var opens: Instant
    /// Calls that are on their way.
    private(set) var underWay = 0
    /// How many calls went within about the time in which Azure's bucket fills.
    private var recent = 0.0
    private var recentSince: Instant
    private var lastSent: Instant
    private var lastNews: Instant?
    private var lastRefusal: Instant?
    /// Grows with each refusal that tells something new, and when pacing begins: what was sent before it says nothing of
    /// what came of it.
    private(set) var epoch = 0

    /// What was heard is true for so long: Azure's buckets fill in ten to twenty seconds.
    private static let memory = Duration.seconds(30)
    /// Who is refused does not trust in an empty bucket's filling for so long.
    private static let caution = Duration.seconds(100)
    /// An answer is waited for so long before another call may go.
    static let patience = Duration.seconds(3)
    private static let largestWindow = 100
    /// How many equal nodes the rates are made for: first after a refusal, at the least, and at the very least.
    private static let crowd = (first: 1200.0, usual: 1200.0, largest: 6000.0)

    init(_ limit: Limit, now: Instant) {
        self.limit = limit
        own = TokenBucket(size: max(1, limit.size / 2), rate: limit.rate * 0.9, now: now)
        (opens, recentSince, lastSent) = (now, now, now)
    }

    /// Sends a call, or says how long to wait before asking again, unless there is an answer before.
    ///
    /// Every call that went has to come back, with ``served(at:takenIn:share:random:)``,
    /// ``refused(at:takenIn:pause:random:)`` or ``unanswered()``. `random` is in `0..<1`.
    mutating func take(at now: Instant, random: Double) -> Duration? {
        if now < opens { return now.duration(to: opens) }
        let patient = Self.patience - lastSent.duration(to: now)
        if underWay >= room(at: now), patient > .zero { return patient }
        if let wait = own.take(at: now) { return wait }
        forget(at: now)
        recent += 1
        underWay += 1
        lastSent = now
        if case .paced(let rate) = mode { opens = now.advanced(by: .seconds((0.5 + random) / rate)) }
        return nil
    }

    /// How many calls may be under way at once.
    private func room(at now: Instant) -> Int {
        switch mode {
        case .paced(let rate): max(1, min(Self.largestWindow, Int(rate * 2)))
        case .free(let window): lastNews.map { $0.duration(to: now) < Self.memory } ?? false ? window : 1
        }
    }

    /// A call came back without an answer.
    mutating func unanswered() { underWay = max(0, underWay - 1) }

    /// Azure has refused a call that was taken in `epoch`, and wants rest for `pause`: the same for all nodes that it
    /// refused together, which `random` spreads out.
    mutating func refused(at now: Instant, takenIn epoch: Int, pause: Duration?, random: Double) {
        unanswered()
        lastNews = now
        let end = now.advanced(by: pause ?? .seconds(1))
        // Of many that were refused at once, one is news; the others can only make the pause longer.
        guard epoch == self.epoch else { return opens = max(opens, end) }
        self.epoch += 1
        forget(at: now)
        // Who has sent much is a good part of the crowd.
        let known = limit.rate * max(0, recent - 1) / limit.size / 2
        let first = max(limit.rate / Self.crowd.first, known)
        let rate =
            switch mode {
            case .free: first
            case .paced(let rate): max(limit.rate / Self.crowd.largest, min(rate / 2, first))
            }
        lastRefusal = now
        mode = .paced(rate)
        opens = max(opens, end.advanced(by: .seconds(random / rate)))
    }

    /// Azure has served a call that was taken in `epoch`; its bucket has this `share` left, in `0...1`, if it said so.
    mutating func served(at now: Instant, takenIn epoch: Int, share: Double? = nil, random: Double) {
        unanswered()
        lastNews = now
        forget(at: now)
        switch mode {
        case .free(let window): mode = free(window, share)
        case .paced(let rate): if epoch == self.epoch { mode = paced(rate, share, at: now) }
        }
        switch (mode, share) {
        case (.free, let share?) where share <= 0.5:
            let rate = max(limit.rate / Self.crowd.usual, part(of: share))
            mode = .paced(rate)
            self.epoch += 1
            opens = max(opens, now.advanced(by: .seconds(random / rate)))
        default: break
        }
    }

    private func free(_ window: Int, _ share: Double?) -> Mode {
        let wider: Int =
            switch share {
            case .some(0.9...): max(2 * window, Int(limit.size / 20))
            case .none, .some(0.75...): 2 * window
            default: window
            }
        return .free(window: min(Self.largestWindow, wider))
    }

    private mutating func paced(_ rate: Double, _ share: Double?, at now: Instant) -> Mode {
        var next: Double =
            switch share {
            case .none: rate * 1.2
            case .some(0.7...): rate * 2
            case .some(0.5...): rate * 1.4
            case .some(0.4...): rate * 1.1 + limit.rate / 3000
            case .some(0.25...): rate
            default: rate * 0.7
            }
        let isCautious = lastRefusal.map { $0.duration(to: now) < Self.caution } ?? false
        next = max(next, limit.rate / (isCautious ? Self.crowd.largest : Self.crowd.usual))
        if let share, share < 0.5 { next = max(next, 0.2 * part(of: share)) }
        if let share, share > 0.9 { return .free(window: 2) }
        if next > limit.rate { return .free(window: 2) }
        // What is left of the wait was reckoned by the old rate.
        if opens > now { opens = now.advanced(by: now.duration(to: opens) * (rate / next)) }
        return .paced(next)
    }

    /// Of what flows into Azure's bucket, as much as was ours of what has been taken out of it.
    private func part(of share: Double) -> Double {
        limit.rate * min(1, recent / max(1, (1 - share) * limit.size))
    }

    private mutating func forget(at now: Instant) {
        recent *= max(0, 1 - recentSince.duration(to: now) / .seconds(limit.size / limit.rate))
        recentSince = now
    }
}
