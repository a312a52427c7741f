internal import LinuxIO
internal import PodVMLifecycle

/// What this process knows of its VMs beyond their names: a help, never the truth. After a restart it is empty, and Azure
/// is asked instead.
final class VMTable: Sendable {
    struct Entry: Sendable {
        /// Whose it is, by its own tags or by the PUT that made it; nil until one of them is known to have worked.
        var owner: SandboxID?
        /// What goes on at Azure; nil when nothing does, or nothing is known of it.
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
