/// The rate of this node's calls of one class. Many nodes share one of Azure's token buckets, and no node knows the
/// others.
///
/// A node learns only from the answers to its own calls: they report the bucket's fill level, and a 429 means that it
/// is empty.
///
/// - **free**: while the bucket is well filled, a node sends up to half of Azure's limit. After a time without an
///   answer it first sends one call and waits for the answer, because a thousand other nodes may be doing the same.
/// - **probing**: after the first refusal a node does not know whether it is alone. It sends one call a few seconds
///   later, at a random moment. If the answer says that the bucket is well filled, the node is free again.
/// - **paced**: when the bucket is half empty, or a probe was refused, the node sends one call at a time at its own
///   rate, at random moments. The rate begins with the node's part of the recent calls, rises while the bucket fills,
///   falls while the bucket drains, and halves with each refusal. So the nodes together use the rate at which Azure
///   refills the bucket. A node that is alone learns that from one answer.
///
/// Simulated for writes (200, and 10 more a second): 1,000 nodes send 5 calls each in one moment. They are refused some
/// 1,450 times in the first five seconds, when no node can know of the others, and some 670 times later. 90 % are
/// served within 450 s and all within 600 s; the possible minimum is 480 s. Spread over 500 s, no call is refused. One
/// node's 300 calls take 26 s. A node that is alone and refused once is at full rate after at most 6 s.
///
/// A value without a clock.
struct Pacer: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// The limits of one of Azure's buckets: its size in calls, and the calls that it gains each second.
    struct Limit: Equatable {
        var size: Double
        var rate: Double
    }

    private enum Mode: Equatable {
        /// Up to this number of calls in progress at once.
        case free(window: Int)
        /// One call; its answer decides the next mode.
        case probing
        /// This number of calls a second.
        case paced(Double)
    }

    let limit: Limit
    private var mode = Mode.free(window: 1)
    /// This node's share of the bucket. It also limits a node that is alone.
    private var own: TokenBucket
    /// No call is sent before this time.
    private var opens: Instant
    /// Calls that were sent and not answered yet.
    private(set) var underWay = 0
    /// The number of calls sent within about the time in which Azure's bucket fills.
    private var recent = 0.0
    private var recentSince: Instant
    private var lastSent: Instant
    private var lastNews: Instant?
    private var lastRefusal: Instant?
    /// Grows with each refusal that has new information, and when pacing begins. The answer to a call of an earlier
    /// epoch does not show the effect of that change.
    private(set) var epoch = 0

    /// The time for which an answer is valid: Azure's buckets fill in ten to twenty seconds.
    private static let memory = Duration.seconds(30)
    /// The time for which a refused node does not assume that the empty bucket fills.
    private static let caution = Duration.seconds(100)
    /// The wait for the answer to a call before another call may be sent. A probe waits longer: under load answers are
    /// slow, and another probe adds to the load.
    private static let patience = (usual: Duration.seconds(3), probing: Duration.seconds(30))
    private static let largestWindow = 100
    /// The numbers of equal nodes that the rates assume: for probes, first after a refused probe, at least, and as the
    /// lower bound. The number for probes is small, so that a single node does not wait: with more nodes, each is
    /// refused once more.
    private static let crowd = (probing: 50.0, first: 1200.0, usual: 1200.0, largest: 6000.0)
    /// The lowest fill level of a bucket that has enough capacity for all nodes.
    private static let wellFilled = 0.7

    init(_ limit: Limit, now: Instant) {
        self.limit = limit
        own = TokenBucket(size: max(1, limit.size / 2), rate: limit.rate * 0.9, now: now)
        (opens, recentSince, lastSent) = (now, now, now)
    }

    /// Permits a call, or returns the wait before the next attempt. An answer may end that wait early.
    ///
    /// Every permitted call has to end with ``served(at:takenIn:share:random:)``, ``refused(at:takenIn:pause:random:)``
    /// or ``unanswered()``. `random` is in `0..<1`.
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

    /// The number of calls that may be in progress at once.
    private func room(at now: Instant) -> Int {
        switch mode {
        case .probing: 1
        case .paced(let rate): max(1, min(Self.largestWindow, Int(rate * 2)))
        case .free(let window): lastNews.map { $0.duration(to: now) < Self.memory } ?? false ? window : 1
        }
    }

    /// A call ended without an answer.
    mutating func unanswered() { underWay = max(0, underWay - 1) }

    /// Azure has refused a call of `epoch`, and asks to wait for `pause`. The pause is the same for all nodes that
    /// Azure refused together; `random` spreads their next calls.
    mutating func refused(at now: Instant, takenIn epoch: Int, pause: Duration?, random: Double) {
        unanswered()
        lastNews = now
        // A refused call has taken nothing from the bucket.
        recent = max(0, recent - 1)
        let end = now.advanced(by: pause ?? .seconds(1))
        // Of several calls that were refused together the first one counts; the others can only prolong the pause.
        guard epoch == self.epoch else { return opens = max(opens, end) }
        self.epoch += 1
        forget(at: now)
        // A node that has sent many calls is a large part of the load.
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

    /// Sets the rate of calls. The first call is not sent before `end`.
    private mutating func pace(_ rate: Double, after end: Instant, _ random: Double) {
        mode = .paced(rate)
        opens = max(opens, end.advanced(by: .seconds(random / rate)))
    }

    private func isCautious(at now: Instant) -> Bool {
        lastRefusal.map { $0.duration(to: now) < Self.caution } ?? false
    }

    /// Azure has served a call of `epoch`. `share` is the fill level of its bucket, in `0...1`, if the answer reports
    /// it.
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
            // The rest of the wait was computed with a rate that no longer applies.
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
        // The rest of the wait was computed with the old rate.
        if opens > now { opens = now.advanced(by: now.duration(to: opens) * (rate / next)) }
        return .paced(next)
    }

    /// This node's part of the rate at which Azure refills its bucket, from its part of all recent calls.
    private func part(of share: Double) -> Double {
        limit.rate * min(1, recent / max(1, (1 - share) * limit.size))
    }

    private mutating func forget(at now: Instant) {
        recent *= max(0, 1 - recentSince.duration(to: now) / .seconds(limit.size / limit.rate))
        recentSince = now
    }
}

/// A token bucket: a number of calls, refilled at a rate. A value without a clock.
struct TokenBucket: Equatable {
    typealias Instant = ContinuousClock.Instant

    /// The number of calls that may be sent at once after a pause.
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

    /// Takes a call out of the bucket, or returns the wait before the next attempt.
    mutating func take(at now: Instant) -> Duration? {
        tokens = min(size, tokens + max(.zero, filled.duration(to: now)) / .seconds(1) * rate)
        filled = max(filled, now)
        // A rounding error must not cost another wait.
        guard tokens < 0.999 else {
            tokens -= 1
            return nil
        }
        return .seconds((1 - tokens) / rate)
    }
}
