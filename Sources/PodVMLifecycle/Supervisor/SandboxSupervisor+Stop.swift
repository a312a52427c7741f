internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// How long a deletion waits for a disk that refuses the record, so that the callers of a failed start have their answer.
    private static var recordTimeout: Duration { .seconds(10) }

    /// StopVM: records that the sandbox ends, closes its tunnel, and answers. The VM's deletion continues in the
    /// background, across restarts, until the cloud has confirmed it.
    ///
    /// Idempotent; an unknown sandbox counts as stopped. A start in progress is cancelled. Needs ``run()`` to be
    /// running.
    ///
    /// - Throws: ``LifecycleError`` when the deletion could not be recorded. An unrecorded deletion continues, but a
    ///   restart forgets it; the caller should call again.
    public func stop(_ id: String) async throws(LifecycleError) {
        // An invalid id was never a sandbox.
        guard let id = try? SandboxID(validating: id) else { return }
        if try await stopSetAside(id) { return }
        try await stop(id) { _ in true }
    }

    /// Stops a sandbox if `condition` holds when the stop is decided. Returns whether it held.
    ///
    /// A call that is recording a decision about the sandbox ends that first; the condition sees its result.
    @discardableResult
    func stop(
        _ id: SandboxID, if condition: (SandboxTable.Entry) -> Bool
    ) async throws(LifecycleError) -> Bool {
        guard let (teardown, unrecorded) = await recordStop(of: id, if: condition) else { return false }
        await teardown?.quickPart.wait()
        // A sandbox that has been removed meanwhile needs no record.
        guard let unrecorded, table.withLock({ $0.entries[id] != nil }) else { return true }
        throw .unrecorded(
            unrecorded, "Sandbox \(id) is being stopped and its VM deleted, but a restart would forget it")
    }

    /// The teardown whose first part StopVM waits for, and the error if the stop could not be recorded. nil if the
    /// sandbox does not exist, or `condition` does not hold.
    private func recordStop(
        of id: SandboxID, if condition: (SandboxTable.Entry) -> Bool
    ) async -> (Teardown?, RecordError?)? {
        var call: InFlightCall?
        let stopped = await decide(on: id) { sandbox -> (RecordError?, SandboxRecord)? in
            guard let entry = table.withLock({ $0.entries[id] }), condition(entry) else { return nil }
            let failure = await sandbox.abandon(
                sandbox.state.stop(), in: store, at: clock.millisecondsSince1970
            ).failure
            return (failure, sandbox.record)
        } publish: { entry in
            call = entry.call
        }
        guard case let (unrecorded, record)?? = stopped else { return nil }
        metrics.stops.increment()
        logger(of: record).info("Stopping", [LogField("callsOff", call != nil)])
        if let call {
            // That call begins the teardown when it ends.
            call.interrupt(.stopped)
            return (nil, unrecorded)
        }
        beginEnding(of: id)
        return (teardown(of: id), unrecorded)
    }

    /// The sandbox's teardown, if one has begun.
    func teardown(of id: SandboxID) -> Teardown? { table.withLock { $0.entries[id]?.teardown } }

    /// Begins the sandbox's teardown in the background, unless it has begun or a call works on the sandbox.
    func beginEnding(of id: SandboxID) {
        let teardown = Teardown()
        let record = table.withLock { table -> SandboxRecord? in
            guard var entry = table.entries[id], entry.teardown == nil, entry.call == nil else { return nil }
            entry.teardown = teardown
            entry.isUnclaimed = false
            if case .deleting = entry.sandbox.state { entry.endingSince = clock.now }
            table.entries[id] = entry
            if table.isOver { teardown.quickPart.set() }
            return entry.sandbox.record
        }
        guard let record else { return }
        pool.start { await self.end(record, teardown) }
    }

    /// Ends a sandbox, with retries. When cancelled, it leaves the sandbox's record.
    private func end(_ record: SandboxRecord, _ teardown: Teardown) async {
        let log = logger(of: record)
        let isDeleted = await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.connector.disconnect(record.id, in: self.store.directory(of: record.id))
                if case .deleting = record.state { teardown.quickPart.set() }
                return true
            }
            // Concurrently: the VM must be deleted even if disconnecting hangs.
            group.addTask { await self.delete(record) }
            return await group.reduce(true) { $0 && $1 }
        }
        guard isDeleted else { return }
        let directory = store.directory(of: record.id)
        // After the VM is deleted: until then the VM may send with the network number, which another pod would get.
        guard
            await insist(
                on: "release what it has of the node", of: record, teardown,
                { () throws(ConnectorError) in
                    try await self.connector.release(record.id, in: directory)
                })
        else { return }
        guard
            await insist(
                on: "remove its directory", of: record, teardown,
                { () async throws(RecordError) in
                    try await self.remove(record.id)
                })
        else { return }
        log.info("The sandbox is removed")
        teardown.quickPart.set()
        teardown.isDone.set()
    }

    /// Deletes the VM if it may exist. Returns false when cancelled before the VM is deleted.
    private func delete(_ record: SandboxRecord) async -> Bool {
        guard case .deleting(let vm) = record.state else { return true }
        guard record.scope == provider.scope else {
            // Another scope's answer "not found" does not show that the VM is deleted.
            let fault = record.elsewhere(provider.scope)
            table.withLock { $0.entries[record.id]?.failure = fault }
            logger(of: record).error("The VM cannot be deleted; a later process deletes it", [LogField("error", fault)])
            return false
        }
        guard await recordEnd(of: record.id), await deleteForGood(vm, of: record) else { return false }
        metrics.deletions.increment()
        logger(of: record).info("The VM is deleted")
        note(.deleted, of: record)
        observer.didDeleteInstance(of: observed(record))
        await recordDeletion(of: record.id)
        return true
    }

    /// Tries to record the end that the disk has refused, for a short time. Returns false when cancelled.
    ///
    /// Where callers survive a restart, the next process continues a start whose failure is neither recorded nor answered. A
    /// deletion that is on its way then would delete the VM of a pod that runs. After the wait, the callers have the answer,
    /// so that no process continues the start.
    private func recordEnd(of id: SandboxID) async -> Bool {
        guard options.callersSurviveRestart else { return true }
        let deadline = clock.now.advanced(by: Self.recordTimeout)
        var backoff = Backoff()
        while await isEndRefused(of: id), clock.now < deadline {
            let wait = min(backoff.wait(random: clock.random()), clock.now.duration(to: deadline))
            guard (try? await clock.sleep(for: wait)) != nil else { return false }
        }
        return true
    }

    /// Records the sandbox's end, unless that is done; whether the disk has refused the record.
    private func isEndRefused(of id: SandboxID) async -> Bool {
        let failure = await decide(on: id) { sandbox in
            await sandbox.abandon(sandbox.state.stop(), in: store, at: clock.millisecondsSince1970).failure
        }
        if case .some(.some) = failure { return true }
        return false
    }

    /// Deletes the VM. If a request of an earlier process could still create the VM when the deletion began, deletes the VM
    /// again once no request can: that process may have been killed before the cloud took up the request. Returns false
    /// when cancelled.
    private func deleteForGood(_ vm: InstanceID, of record: SandboxRecord) async -> Bool {
        // The deletion takes effect at an unknown time after this.
        let start = clock.now
        guard await insistOnDeleting(vm, of: record) else { return false }
        guard let until = table.withLock({ $0.entries[record.id]?.lateRequestsUntil }), start < until else {
            return true
        }
        let rest = clock.now.duration(to: until)
        if rest > .zero, (try? await clock.sleep(for: rest)) == nil { return false }
        return await insistOnDeleting(vm, of: record)
    }

    private func insistOnDeleting(_ vm: InstanceID, of record: SandboxRecord) async -> Bool {
        await insist(on: "delete the VM", of: record) { try await self.deleteVM(vm, of: record.id) }
    }

    /// Deletes a VM, when fewer than the permitted number of VMs are being deleted. A try that failed gives up its place,
    /// so that the other deletions go on.
    func deleteVM(_ vm: InstanceID, of sandbox: SandboxID) async throws {
        try await deletions.withPermit { try await self.provider.deleteInstance(vm, of: sandbox) }
    }

    private func recordDeletion(of id: SandboxID) async {
        _ = await decide(on: id) { sandbox in
            // If the write fails, the old record still requests the VM's deletion, which is harmless.
            await sandbox.abandon(
                sandbox.state.deleted(), in: store, at: clock.millisecondsSince1970
            ).effect
        } publish: { entry in
            entry.failure = nil
            entry.endingSince = nil
        }
    }

    /// Removes the rest of the sandbox, on disk and in the table.
    private func remove(_ id: SandboxID) async throws(RecordError) {
        guard let turn = table.withLock({ $0.entries[id]?.turn }) else { return }
        // Under the semaphore: no call writes a record into a directory that is being removed.
        try await turn.withPermitIgnoringCancellation { () async throws(RecordError) in
            try await store.remove(id)
            table.withLock { table in
                guard let entry = table.entries.removeValue(forKey: id) else { return }
                let summary = SandboxSummary(entry, usedScope: provider.scope, abandonment: nil)
                table.ended.add(SandboxHistory(summary, entry.sandbox.record, hasEnded: true))
            }
        }
        count()
    }

    /// Tries until it succeeds; callers wait for the first try only.
    private func insist(
        on what: String, of record: SandboxRecord, _ teardown: Teardown? = nil,
        _ work: @Sendable () async throws -> Void
    ) async -> Bool {
        await insist(on: what, logger(of: record), work) { error in
            self.table.withLock { $0.entries[record.id]?.failure = "\(error)" }
            if error is ProviderError { self.note(.deletionFailed("\(error)"), of: record) }
            teardown?.quickPart.set()
        }
    }

    /// Tries until it succeeds, with growing pauses. Returns false when cancelled before that.
    func insist(
        on what: String, _ log: Logger, _ work: @Sendable () async throws -> Void,
        noting: @Sendable (any Error) -> Void = { _ in }
    ) async -> Bool {
        var backoff = Backoff()
        while !Task.isCancelled {
            do {
                try await work()
                return true
            } catch {
                if Task.isCancelled { return false }
                let fault = error as? ProviderError
                if let fault { metrics.deletionFailures.increment(fault.code.description) }
                let wait = backoff.wait(advised: fault?.wait, random: clock.random())
                noting(error)
                log.warning(
                    "Could not \(what); trying again",
                    [LogField("error", error), LogField("seconds", Int64(wait / .seconds(1)))])
                guard (try? await clock.sleep(for: wait)) != nil else { return false }
            }
        }
        return false
    }
}

extension ProviderError {
    /// How long a VM with other tags is left alone before the deletion is tried again: an operator has to restore them.
    private static var foreignPause: Duration { .seconds(300) }

    /// The wait before the deletion is tried again. The advice to give up is ignored: the deletion is retried until the
    /// VM is deleted.
    fileprivate var wait: Duration? {
        if case .retry(let wait) = advice { return code == .foreign ? max(wait, Self.foreignPause) : wait }
        return code == .foreign ? Self.foreignPause : nil
    }
}
