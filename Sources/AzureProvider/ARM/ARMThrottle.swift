internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle

/// Lets this node's calls through at the pace that Azure bears, each class in the order in which its calls came.
final class ARMThrottle: Sendable {
    /// Leave to send one call.
    struct Turn: Sendable {
        let callClass: CallClass
        let epoch: Int
        /// How long it was waited for.
        let waited: Duration
    }

    fileprivate struct Lane {
        var pacer: Pacer
        /// Set when a call has come back, and then replaced.
        var news = Event()
        /// The most that each of Azure's buckets was ever said to have, by its name.
        var fullest: [String: Double] = [:]
    }

    private let clock: any LifecycleClock
    private let lanes: Lock<[CallClass: Lane]>
    private let queues: [CallClass: AsyncSemaphore]

    init(clock: any LifecycleClock) {
        self.clock = clock
        let now = clock.now
        lanes = Lock(
            Dictionary(uniqueKeysWithValues: CallClass.allCases.map { ($0, Lane(pacer: Pacer($0.limit, now: now))) }))
        queues = Dictionary(uniqueKeysWithValues: CallClass.allCases.map { ($0, AsyncSemaphore(1)) })
    }

    /// Returns when a call of this class may be sent; at once on a node that is idle.
    func turn(_ callClass: CallClass) async throws -> Turn {
        let begun = clock.now
        // Only the first in the queue looks at the pacer, so that nobody is overtaken.
        return try await queues[callClass, default: AsyncSemaphore(1)].withPermit {
            while true {
                try Task.checkCancellation()
                let (wait, epoch, news, now) = change(callClass) { lane, now in
                    (lane.pacer.take(at: now, random: clock.random()), lane.pacer.epoch, lane.news, now)
                }
                guard let wait else { return Turn(callClass: callClass, epoch: epoch, waited: begun.duration(to: now)) }
                try await rest(wait, or: news)
            }
        }
    }

    /// Any news may shorten the wait.
    private func rest(_ wait: Duration, or news: Event) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.clock.sleep(for: wait) }
            group.addTask { await news.wait() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Azure refused the call because of how many there were.
    func refused(_ turn: Turn, _ headers: HTTPHeaders) {
        learn(turn) { lane, now in
            _ = lane.share(of: QuotaHeaders.remaining(headers))
            lane.pacer.refused(
                at: now, takenIn: turn.epoch, pause: ARMPause.advised(headers, now: clock.wallTime),
                random: clock.random())
        }
    }

    /// Azure answered otherwise.
    func served(_ turn: Turn, _ headers: HTTPHeaders) {
        learn(turn) { lane, now in
            let share = lane.share(of: QuotaHeaders.remaining(headers))
            lane.pacer.served(at: now, takenIn: turn.epoch, share: share, random: clock.random())
        }
    }

    /// The call was not sent, or nobody answered.
    func unanswered(_ turn: Turn) { learn(turn) { lane, _ in lane.pacer.unanswered() } }

    private func learn(_ turn: Turn, _ body: (inout Lane, ContinuousClock.Instant) -> Void) {
        let news = change(turn.callClass) { lane, now in
            body(&lane, now)
            defer { lane.news = Event() }
            return lane.news
        }
        news.set()
    }

    private func change<Result>(
        _ callClass: CallClass, _ body: (inout Lane, ContinuousClock.Instant) -> Result
    ) -> Result {
        let now = clock.now
        return lanes.withLock { body(&$0[callClass, default: Lane(pacer: Pacer(callClass.limit, now: now))], now) }
    }
}

extension ARMThrottle.Lane {
    /// How full the emptiest of Azure's buckets is.
    fileprivate mutating func share(of remaining: [QuotaHeaders.Remaining]) -> Double? {
        var least: Double?
        for quota in remaining {
            let fullest = max(quota.known ?? 0, fullest[quota.name] ?? 0, quota.count)
            // Names come from outside; no answer can make us keep ever more of them.
            if self.fullest.count < 64 || self.fullest[quota.name] != nil { self.fullest[quota.name] = fullest }
            if fullest > 0 { least = min(least ?? 1, quota.count / fullest) }
        }
        return least
    }
}

extension CallClass {
    /// What ARM lets a subscription and principal do in a region, all nodes together; of lists, what the compute provider does.
    var limit: Pacer.Limit {
        switch self {
        case .reads: Pacer.Limit(size: 250, rate: 25)
        case .lists: Pacer.Limit(size: 100, rate: 5)
        case .writes, .deletions: Pacer.Limit(size: 200, rate: 10)
        }
    }
}
