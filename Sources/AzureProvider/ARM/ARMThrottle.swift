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
        var bucket: TokenBucket
        /// The most that each of Azure's buckets was ever said to have, by its name.
        var fullest: [String: Double] = [:]
    }

    /// A wait may become shorter, when Azure's buckets fill; a pause that Azure asked for may not.
    private static let longestNap = Duration.seconds(5)

    private let clock: any LifecycleClock
    private let lanes: Lock<[CallClass: Lane]>
    private let queues: [CallClass: Turnstile]

    init(clock: any LifecycleClock) {
        self.clock = clock
        let now = clock.now
        lanes = Lock(
            Dictionary(uniqueKeysWithValues: CallClass.allCases.map { ($0, Lane(bucket: $0.bucket(at: now))) }))
        queues = Dictionary(uniqueKeysWithValues: CallClass.allCases.map { ($0, Turnstile(1)) })
    }

    /// Returns when a call of this class may be sent; at once on a node that is idle.
    func turn(_ callClass: CallClass) async throws -> Turn {
        let begun = clock.now
        // Only the first in the queue looks at the bucket, so that nobody is overtaken.
        return try await queues[callClass, default: Turnstile(1)].pass {
            while true {
                try Task.checkCancellation()
                let (wait, isPause, epoch, now) = change(callClass) { lane, now in
                    (lane.bucket.take(at: now, random: clock.random()), lane.bucket.opens > now, lane.bucket.epoch, now)
                }
                guard let wait else { return Turn(callClass: callClass, epoch: epoch, waited: begun.duration(to: now)) }
                try await clock.sleep(for: isPause ? wait : min(wait, Self.longestNap))
            }
        }
    }

    /// Azure refused the call because of how many there were.
    func refused(_ turn: Turn, _ headers: HTTPHeaders) {
        change(turn.callClass) { lane, now in
            _ = lane.level(of: QuotaHeaders.remaining(headers))
            lane.bucket.refused(
                at: now, takenIn: turn.epoch, pause: ARMPause.advised(headers, now: clock.wallTime),
                random: clock.random())
        }
    }

    /// Azure answered otherwise.
    func served(_ turn: Turn, _ headers: HTTPHeaders) {
        change(turn.callClass) { lane, now in
            let level = lane.level(of: QuotaHeaders.remaining(headers))
            lane.bucket.served(at: now, takenIn: turn.epoch, level: level, random: clock.random())
        }
    }

    private func change<Result>(
        _ callClass: CallClass, _ body: (inout Lane, ContinuousClock.Instant) -> Result
    ) -> Result {
        let now = clock.now
        return lanes.withLock { body(&$0[callClass, default: Lane(bucket: callClass.bucket(at: now))], now) }
    }
}

extension ARMThrottle.Lane {
    /// How full the emptiest of Azure's buckets is.
    fileprivate mutating func level(of remaining: [QuotaHeaders.Remaining]) -> Double? {
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
    /// A node's share: half of what ARM lets a subscription and principal do at once, and nearly its rate, so that a node alone
    /// is quick, and several share by what ARM tells them (reads 250 and 25/s, writes and deletions 200 and 10/s each; the
    /// compute provider's lists 900 and 5/s).
    fileprivate func bucket(at now: ContinuousClock.Instant) -> TokenBucket {
        switch self {
        case .reads: TokenBucket(size: 125, rate: 22, refill: 10, now: now)
        case .lists: TokenBucket(size: 50, rate: 4, refill: 180, now: now)
        case .writes, .deletions: TokenBucket(size: 100, rate: 9, refill: 20, now: now)
        }
    }
}
