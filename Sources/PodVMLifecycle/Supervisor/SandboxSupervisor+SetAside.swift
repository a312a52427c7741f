internal import LinuxIO
internal import Telemetry

// A sandbox is set aside when this adaptor cannot use its record: the record is damaged, empty, missing, of a newer
// version or misplaced. Its VM may run a pod, so nothing of it is changed before StopVM, and the sweep does not delete
// its VM.

extension SandboxSupervisor {
    /// Notes the sandboxes whose records cannot be used, and logs each.
    func setAside(_ loaded: LoadedRecords) {
        var setAside: [SandboxID: SandboxTable.SetAside] = [:]
        for (id, reason) in loaded.unreadable {
            setAside[id] = .init(
                reason: reason, isUnsynced: loaded.unsynced.contains(id), isStopped: loaded.stopped.contains(id))
        }
        for (id, misplaced) in loaded.misplaced {
            setAside[id] = .init(reason: misplaced.reason, record: misplaced.record)
        }
        for (id, entry) in setAside.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            logger.error(
                """
                A sandbox's record cannot be used; the sandbox is set aside, because a VM may belong to it. StopVM, or \
                peerpodctl stop, ends it
                """, [LogField("sandbox", id), LogField("error", entry.reason), LogField("stopMark", entry.isStopped)])
        }
        table.withLock { $0.setAside = setAside }
    }

    /// StopVM of a sandbox that is set aside. Returns false when there is no such sandbox.
    ///
    /// A sandbox with a misplaced record becomes an ordinary sandbox, whose stop then goes on. Any other gets a durable
    /// stop mark, and ends with a later sweep, because only the cloud's list can tell which VM belongs to it.
    func stopSetAside(_ id: SandboxID) async throws(LifecycleError) -> Bool {
        guard let entry = table.withLock({ $0.setAside[id] }) else { return false }
        if let record = entry.record {
            table.withLock { table in
                guard table.setAside.removeValue(forKey: id) != nil else { return }
                table.entries[id] = .init(
                    sandbox: Sandbox(recovered: record), turn: AsyncSemaphore(1), isTakenUp: true)
            }
            return false
        }
        do {
            try await store.markStopped(id)
        } catch {
            throw .unrecorded(error, "Sandbox \(id), whose record cannot be used, cannot be stopped")
        }
        table.withLock { $0.setAside[id]?.isStopped = true }
        metrics.stops.increment()
        logger.info("Stopping a sandbox whose record cannot be used", [LogField("sandbox", id)])
        await connector.disconnect(id, in: store.directory(of: id))
        return true
    }

    /// Ends the sandboxes that are set aside and may end, as the complete list of the cloud's VMs shows.
    ///
    /// After StopVM, the VM whose tags name this cluster, this node and the sandbox is deleted. Without such a VM in
    /// two lists, the grace time apart, there is none: the sandbox's directory is removed. The same rule removes a
    /// sandbox with an empty record or the beginning of one, which a power cut leaves of a sandbox that had no VM. A VM
    /// with a name of the sandbox and other tags is not deleted, and keeps the sandbox.
    func endSetAside(by listed: [ListedInstance], now: ContinuousClock.Instant) {
        guard options.owner.isNamed else { return }
        let vms = Dictionary(grouping: listed) { options.owner.sandbox(of: $0) }
        let unclear = (vms[nil] ?? []).filter { VMName.hasForm($0.id.rawValue) }
        let due = table.withLock { table in
            table.setAside.keys.sorted { $0.rawValue < $1.rawValue }.filter { id in
                table.setAside[id]?.look(
                    hasVM: vms[id] != nil, namesake: unclear.first { $0.mayBelong(to: id) }?.id,
                    graceTime: options.orphanGraceTime, now: now) == true
            }
        }
        for id in due.sorted(by: { $0.rawValue < $1.rawValue }) {
            pool.start { await self.end(setAside: id, vms[id] ?? []) }
        }
    }

    private func end(setAside id: SandboxID, _ vms: [ListedInstance]) async {
        let log = logger.with("sandbox", id)
        let note: @Sendable (any Error) -> Void = { error in
            self.table.withLock { $0.setAside[id]?.failure = "\(error)" }
        }
        for vm in vms {
            log.info("Deleting the VM of a sandbox whose record cannot be used", [LogField("vm", vm.id)])
            let isDeleted = await insist(
                on: "delete the VM", log, { try await self.deleteVM(vm.id, of: id) }, noting: note)
            guard isDeleted else { return }
            metrics.deletions.increment()
        }
        let directory = store.directory(of: id)
        let isReleased = await insist(
            on: "release what it has of the node", log,
            { () async throws(ConnectorError) in
                await self.connector.disconnect(id, in: directory)
                try await self.connector.release(id, in: directory)
            }, noting: note)
        guard isReleased else { return }
        let isRemoved = await insist(
            on: "remove its directory", log,
            { () async throws(RecordError) in
                try await self.store.remove(id)
            }, noting: note)
        guard isRemoved else { return }
        table.withLock { $0.setAside[id] = nil }
        count()
        log.info("The sandbox whose record could not be used is removed", [LogField("vms", vms.count)])
    }
}

extension SandboxTable {
    /// A sandbox whose record cannot be used.
    struct SetAside {
        /// What is wrong with the record.
        let reason: String
        /// The record, when it is misplaced; nil when it cannot be read.
        var record: SandboxRecord?
        /// Whether the record is empty or cut off. Then there is no VM, unless the content was lost later.
        var isUnsynced = false
        /// Whether StopVM was called.
        var isStopped = false
        /// Why the last step of its end failed.
        var failure: String?
        /// A VM with a name of the sandbox, and without the sandbox's tags.
        private var namesake: InstanceID?
        private var isEnding = false
        /// The time of the first of the latest lists without a VM of the sandbox.
        private var absentSince: ContinuousClock.Instant?

        init(reason: String, record: SandboxRecord? = nil, isUnsynced: Bool = false, isStopped: Bool = false) {
            self.reason = reason
            self.record = record
            self.isUnsynced = isUnsynced
            self.isStopped = isStopped
        }

        /// What an operator reads in the list of sandboxes.
        var explanation: String {
            let stop =
                isStopped
                ? "It is stopped, and ends when the cloud's list shows its VM or that there is none."
                : "StopVM, or peerpodctl stop, ends it."
            let namesake =
                namesake.map {
                    " VM \($0) may belong to it, and has not its tags: restore the tags, or delete the VM."
                } ?? ""
            return "The record cannot be used: \(reason). \(stop)\(namesake)" + (failure.map { " \($0)" } ?? "")
        }

        /// Notes whether a complete list has a VM of the sandbox, or one that may be the sandbox's. Returns whether its
        /// end begins now.
        fileprivate mutating func look(
            hasVM: Bool, namesake: InstanceID?, graceTime: Duration, now: ContinuousClock.Instant
        ) -> Bool {
            self.namesake = hasVM ? nil : namesake
            guard !isEnding, isStopped || isUnsynced else { return false }
            if hasVM || namesake != nil {
                absentSince = nil
                isEnding = hasVM && isStopped
                return isEnding
            }
            guard let since = absentSince else {
                absentSince = now
                return false
            }
            isEnding = since.duration(to: now) >= graceTime
            return isEnding
        }
    }
}

extension ListedInstance {
    /// Whether the VM has a name of the sandbox, and its tags name no other sandbox.
    fileprivate func mayBelong(to sandbox: SandboxID) -> Bool {
        let owner = tags[InstanceTags.sandbox]
        return (owner == nil || owner == sandbox.rawValue) && VMName.mayBelong(id, to: sandbox)
    }
}
