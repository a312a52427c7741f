/// How fast calls of one class may go, when any number of nodes share one of Azure's buckets and none knows the others.
///
/// What a node knows is how its own calls fare: each answer tells how full Azure's bucket is, a 429 that it is empty.
///
/// - **free**: while that is well filled, a node sends as it likes, within half of what Azure lets everybody. But whoever
///   has heard nothing for a while sends one call and waits for what it brings, as a thousand others may be doing the same.
/// - **probing**: after the first refusal a node cannot know whether it is alone. It sends one call a few seconds later, at a
///   random moment. If the answer says that the bucket is well filled, the node is free again.
/// - **paced**: once the bucket is half empty, or a probe was refused, one call at a time at a rate of our own, at random
///   moments. The rate begins with our part of what was taken, rises while the bucket fills, falls while it drains, and halves
///   with each refusal; so that together the nodes take what flows in. A node that is alone finds that out with one answer.
///
/// Simulated for writes (200, and 10 more a second): 5 calls of each of 1,000 nodes, all in one moment, are refused some 1,450
/// times in the first five seconds, when no node can know of the others, and some 670 times later; 90 % are served within
/// 450 s and all within 600 s, of the 480 s that it takes at best. Spread over 500 s none is refused. One node's 300 calls take
/// 26 s. A node that is alone and refused once is at full pace after 6 s at the most.
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
        /// One call, of which the answer decides.
        case probing
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
    /// How long to wait for the answer to a call before another call may go. A probe waits longer: in a crowd answers are
    /// slow, and the next probe would only add to it.
    private static let patience = (usual: Duration.seconds(3), probing: Duration.seconds(30))
    private static let largestWindow = 100
    /// How many equal nodes the rates are made for: of probes, first after a refused probe, at the least, and at the very
    /// least. Probes are few, so that one node is not held up: a larger crowd has each of its nodes refused once more.
    private static let crowd = (probing: 50.0, first: 1200.0, usual: 1200.0, largest: 6000.0)
    /// How full a bucket is at least that has room for all.
    private static let wellFilled = 0.7

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
        let patience = mode == .probing ? Self.patience.probing : Self.patience.usual
        let patient = patience - lastSent.duration(to: now)
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
        case .probing: 1
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
        // What was refused has taken nothing.
        recent = max(0, recent - 1)
        let end = now.advanced(by: pause ?? .seconds(1))
        // Of many that were refused at once, one is news; the others can only make the pause longer.
        guard epoch == self.epoch else { return opens = max(opens, end) }
        self.epoch += 1
        forget(at: now)
        // Who has sent much is a good part of the crowd.
        let known = limit.rate * recent / limit.size / 2
        let first = max(limit.rate / Self.crowd.first, known)
        let wasCautious = isCautious(at: now)
        lastRefusal = now
        switch mode {
        case .free where !wasCautious:
            mode = .probing
            opens = max(opens, end.advanced(by: .seconds(random * Self.crowd.probing / limit.rate)))
        case .free, .probing: pace(first, after: end, random)
        case .paced(let rate):
            pace(max(limit.rate / Self.crowd.largest, min(rate / 2, first)), after: end, random)
        }
    }

    /// From now on calls go at this rate, the first of them not before `end`.
    private mutating func pace(_ rate: Double, after end: Instant, _ random: Double) {
        mode = .paced(rate)
        opens = max(opens, end.advanced(by: .seconds(random / rate)))
    }

    private func isCautious(at now: Instant) -> Bool {
        lastRefusal.map { $0.duration(to: now) < Self.caution } ?? false
    }

    /// Azure has served a call that was taken in `epoch`; its bucket has this `share` left, in `0...1`, if it said so.
    mutating func served(at now: Instant, takenIn epoch: Int, share: Double? = nil, random: Double) {
        unanswered()
        lastNews = now
        forget(at: now)
        switch mode {
        case .free(let window):
            mode = free(window, share)
            if let share, share <= 0.5 { paceBegins(with: share, at: now, random) }
        case .probing: if epoch == self.epoch { probed(share, at: now, random) }
        case .paced(let rate):
            guard epoch == self.epoch else { return }
            mode = paced(rate, share, at: now)
            // What is left of the wait was reckoned by a rate that is not in force any more.
            if case .free = mode { opens = min(opens, now) }
        }
    }

    private mutating func probed(_ share: Double?, at now: Instant, _ random: Double) {
        guard let share else { return mode = .free(window: 2) }
        guard share > Self.wellFilled else { return paceBegins(with: share, at: now, random) }
        // The bucket has filled again: the load that emptied it has ended.
        lastRefusal = nil
        mode = .free(window: 2)
    }

    private mutating func paceBegins(with share: Double, at now: Instant, _ random: Double) {
        epoch += 1
        pace(max(limit.rate / Self.crowd.usual, part(of: share)), after: now, random)
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
        next = max(next, limit.rate / (isCautious(at: now) ? Self.crowd.largest : Self.crowd.usual))
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
