internal import LinuxIO
internal import PodVMLifecycle

/// The data that this process keeps about its VMs, to save requests. After a restart it is empty, and the data comes
/// from Azure.
final class VMTable: Sendable {
    struct Entry: Sendable {
        /// The sandbox of the VM, by its tags or by the PUT that created it; nil while it is unknown.
        var owner: SandboxID?
        /// The operation that runs in Azure; nil if no operation is known.
        var operation: ARMOperation?
        /// The interface's name, if Azure gave it another name than requested.
        var interface: String?
        /// ARM's `vmId` of the VM of the present try; nil while no answer of Azure has had it.
        var vmID: String?
        /// Whether the VM's try has failed; its resources must be deleted before the next try.
        var hasFailed = false
        /// The time since which a PUT may still take effect, because its answer was not awaited or never came.
        var lost: ContinuousClock.Instant?
    }

    private let entries = Lock<[InstanceID: Entry]>([:])

    subscript(id: InstanceID) -> Entry? { entries.withLock { $0[id] } }

    func update(_ id: InstanceID, _ change: (inout Entry) -> Void) {
        entries.withLock { change(&$0[id, default: Entry()]) }
    }

    /// Changes the entry only if the VM is known.
    func updateIfKnown(_ id: InstanceID, _ change: (inout Entry) -> Void) {
        entries.withLock { entries in
            guard var entry = entries[id] else { return }
            change(&entry)
            entries[id] = entry
        }
    }

    func forget(_ id: InstanceID) { entries.withLock { $0[id] = nil } }
}
