internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle

/// Limits the rate of this node's calls to what Azure allows; calls of one class keep their order.
final class ARMThrottle: Sendable {
    /// The permission to send one call.
    struct Permit: Sendable {
        let callClass: CallClass
        let epoch: Int
        /// The time that the call waited for the permit.
        let waited: Duration
    }

    fileprivate struct ClassState {
        var pacer: Pacer
        /// Set when a call has ended, and then replaced.
        var changed = Event()
        /// For each of Azure's buckets, by name: the highest count that an answer reported.
        var fullest: [String: Double] = [:]
    }

    private let clock: any LifecycleClock
    private let states: Lock<[CallClass: ClassState]>
    private let queues: [CallClass: AsyncSemaphore]

    init(clock: any LifecycleClock) {
        self.clock = clock
        let now = clock.now
        states = Lock(
            Dictionary(
                uniqueKeysWithValues: CallClass.allCases.map { ($0, ClassState(pacer: Pacer($0.limit, now: now))) }))
        queues = Dictionary(uniqueKeysWithValues: CallClass.allCases.map { ($0, AsyncSemaphore(1)) })
    }

    /// Returns when a call of this class may be sent. On an idle node it returns immediately.
    func permit(_ callClass: CallClass) async throws -> Permit {
        let begun = clock.now
        // Only the first call in the queue asks the pacer, so that calls keep their order.
        return try await queues[callClass, default: AsyncSemaphore(1)].withPermit {
            while true {
                try Task.checkCancellation()
                let (wait, epoch, changed, now) = change(callClass) { state, now in
                    (state.pacer.take(at: now, random: clock.random()), state.pacer.epoch, state.changed, now)
                }
                guard let wait else {
                    return Permit(callClass: callClass, epoch: epoch, waited: begun.duration(to: now))
                }
                try await rest(wait, or: changed)
            }
        }
    }

    /// Waits for `wait`, or until a call has ended: that may shorten the wait.
    private func rest(_ wait: Duration, or changed: Event) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.clock.sleep(for: wait) }
            group.addTask { await changed.wait() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Azure refused the call because of its rate limit.
    func refused(_ permit: Permit, _ headers: HTTPHeaders) {
        learn(permit) { state, now in
            _ = state.share(of: QuotaHeaders.remaining(headers))
            state.pacer.refused(
                at: now, takenIn: permit.epoch, pause: ARMPause.advised(headers, now: clock.wallTime),
                random: clock.random())
        }
    }

    /// Azure gave another answer than a refusal. Returns the fill level of Azure's bucket, in `0...1`, if the answer
    /// reports it.
    @discardableResult
    func served(_ permit: Permit, _ headers: HTTPHeaders) -> Double? {
        var share: Double?
        learn(permit) { state, now in
            share = state.share(of: QuotaHeaders.remaining(headers))
            state.pacer.served(at: now, takenIn: permit.epoch, share: share, random: clock.random())
        }
        return share
    }

    /// The call was not sent, or no answer came.
    func unanswered(_ permit: Permit) { learn(permit) { state, _ in state.pacer.unanswered() } }

    private func learn(_ permit: Permit, _ body: (inout ClassState, ContinuousClock.Instant) -> Void) {
        let changed = change(permit.callClass) { state, now in
            body(&state, now)
            defer { state.changed = Event() }
            return state.changed
        }
        changed.set()
    }

    private func change<Result>(
        _ callClass: CallClass, _ body: (inout ClassState, ContinuousClock.Instant) -> Result
    ) -> Result {
        let now = clock.now
        return states.withLock {
            body(&$0[callClass, default: ClassState(pacer: Pacer(callClass.limit, now: now))], now)
        }
    }
}

extension ARMThrottle.ClassState {
    /// The lowest fill level of Azure's buckets.
    fileprivate mutating func share(of remaining: [QuotaHeaders.Remaining]) -> Double? {
        var least: Double?
        for quota in remaining {
            let fullest = max(quota.known ?? 0, fullest[quota.name] ?? 0, quota.count)
            // Names come from answers; this limit bounds the number of stored names.
            if self.fullest.count < 64 || self.fullest[quota.name] != nil { self.fullest[quota.name] = fullest }
            if fullest > 0 { least = min(least ?? 1, quota.count / fullest) }
        }
        return least
    }
}

extension CallClass {
    /// ARM's limit for a subscription and principal in a region, for all nodes together; for lists, the compute
    /// provider's limit.
    var limit: Pacer.Limit {
        switch self {
        case .reads: Pacer.Limit(size: 250, rate: 25)
        case .lists: Pacer.Limit(size: 100, rate: 5)
        case .writes, .deletions: Pacer.Limit(size: 200, rate: 10)
        }
    }
}

/// The calls that Azure counts together.
///
/// ARM itself counts reads, writes and deletions, for each subscription and principal. The compute provider counts
/// lists separately from reads of one resource, and allows far fewer lists.
enum CallClass: String, CaseIterable, Hashable, Sendable {
    case reads
    case lists
    case writes
    case deletions

    init(method: String, isList: Bool) {
        switch method {
        case "GET", "HEAD": self = isList ? .lists : .reads
        case "DELETE": self = .deletions
        default: self = .writes
        }
    }
}
