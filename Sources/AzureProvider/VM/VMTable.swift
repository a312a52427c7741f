internal import LinuxIO
internal import PodVMLifecycle

/// What this process remembers of its VMs, to save requests. After a restart it is empty, and Azure is asked instead.
final class VMTable: Sendable {
    struct Entry: Sendable {
        /// The sandbox that it belongs to, by its tags or by the PUT that created it; nil while that is not known.
        var owner: SandboxID?
        /// The operation that runs in Azure; nil when none runs, or none is known.
        var operation: ARMOperation?
        /// Its interface's name, where Azure gave it another one than it was told.
        var interface: String?
        /// Its try has failed, and what there is of it must go before the next.
        var hasFailed = false
        /// A PUT may still be on its way, since then: its answer was not waited for, or never came.
        var lost: ContinuousClock.Instant?
    }

    private let entries = Lock<[InstanceID: Entry]>([:])

    subscript(id: InstanceID) -> Entry? { entries.withLock { $0[id] } }

    func update(_ id: InstanceID, _ change: (inout Entry) -> Void) {
        entries.withLock { change(&$0[id, default: Entry()]) }
    }

    /// The same, but only of one that is known.
    func updateIfKnown(_ id: InstanceID, _ change: (inout Entry) -> Void) {
        entries.withLock { entries in
            guard var entry = entries[id] else { return }
            change(&entry)
            entries[id] = entry
        }
    }

    func forget(_ id: InstanceID) { entries.withLock { $0[id] = nil } }
}
