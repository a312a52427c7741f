internal import LinuxIO
internal import PodVMLifecycle

/// The places where VMs failed recently, which are avoided for a while (like Karpenter's unavailable offerings).
///
/// Shared by all pods of the node, and lost with the process: after a restart each place fails at most once more.
final class UnavailablePlaces: Sendable {
    /// The places that an entry covers.
    private enum Scope: Hashable {
        case place(size: String, zone: String?)
        case size(String)
        /// The sizes of one family with at least this number of cores: if 64 cores do not fit, 2 still may.
        case family(String, cores: Int)

        func covers(_ candidate: Candidate) -> Bool {
            switch self {
            case .place(let size, let zone): candidate.size.name == size && candidate.zone == zone
            case .size(let size): candidate.size.name == size
            case .family(let family, let cores):
                candidate.size.family.lowercased() == family && candidate.size.vcpus >= cores
            }
        }
    }

    /// The time until which a candidate is avoided, and the failure.
    struct Block: Equatable, Sendable {
        let until: ContinuousClock.Instant
        let code: String
    }

    private let clock: any LifecycleClock
    private let blocks = Lock<[Scope: Block]>([:])

    init(clock: any LifecycleClock) { self.clock = clock }

    /// The number of places, sizes and families that are avoided.
    var count: Int {
        let now = clock.now
        return blocks.withLock { $0.values.count { $0.until > now } }
    }

    /// The reason and the end of a candidate's block; of several blocks, the longest.
    func block(of candidate: Candidate) -> Block? {
        let now = clock.now
        return blocks.withLock { blocks in
            blocks.filter { $0.value.until > now && $0.key.covers(candidate) }.map(\.value).max { $0.until < $1.until }
        }
    }

    /// Records a failure for about the policy's time (varied by a tenth, so that the nodes do not all try again at
    /// once).
    func remember(_ candidate: Candidate, _ policy: FailurePolicy, code: String) {
        let entry: (Scope, Duration)
        switch policy.fallback {
        case .anotherZone(let time):
            entry = (.place(size: candidate.size.name, zone: candidate.zone), time)
        case .anotherSize(let time): entry = (.size(candidate.size.name), time)
        case .anotherFamily(let family, let time):
            let family = family ?? candidate.size.family.lowercased()
            // If the family is unknown, only this size is avoided.
            let isOurs = family == candidate.size.family.lowercased() && !family.isEmpty
            entry = (isOurs ? .family(family, cores: candidate.size.vcpus) : .size(candidate.size.name), time)
        case .again: entry = (.place(size: candidate.size.name, zone: candidate.zone), FailurePolicy.fault)
        case .later, .nothing: return
        }
        let now = clock.now
        let until = now.advanced(by: entry.1 * (0.9 + 0.2 * clock.random()))
        blocks.withLock { blocks in
            blocks = blocks.filter { $0.value.until > now }
            blocks[entry.0] = Block(until: until, code: code)
        }
    }

    /// Forgets used-up quotas: a VM was deleted, and its part of the family's quota is free.
    func forgetQuota() {
        blocks.withLock { blocks in
            blocks = blocks.filter { if case .family = $0.key { false } else { true } }
        }
    }
}
