internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// The shortest pause between two sweeps, because a list request takes longer than that.
    private static var shortestPause: Duration { .milliseconds(100) }
    /// The number of orphans that a log line names.
    private static var namedOrphans: Int { 10 }

    /// The pause before a list that confirms that a VM is gone.
    private static var confirmationPause: Duration { .seconds(10) }
    /// The age of a deletion from which each sweep logs it.
    private static var longDeletion: Duration { .seconds(600) }

    /// Compares the cloud's resources with the records, immediately and then every `interval` - or every grace time, if
    /// that is shorter - until cancelled.
    ///
    /// A VM of this node that no sandbox owns costs money without use, and so does what is left of a VM. Such a resource
    /// is deleted once it has had no owner for the grace time. Its tags identify its node; a resource without the tags of
    /// this cluster and this node is left alone. A running sandbox whose VM is gone fails. Needs ``run()`` to be running.
    public func sweep(every interval: Duration) async {
        let pause = max(min(interval, options.orphanGraceTime), Self.shortestPause)
        while !Task.isCancelled {
            let needsConfirmation = await sweepOnce()
            let next = needsConfirmation ? min(pause, Self.confirmationPause) : pause
            guard (try? await clock.sleep(for: next)) != nil else { return }
        }
    }

    /// Compares the cloud's resources with the records once. Returns whether a VM is missing that another list has to
    /// confirm.
    @discardableResult
    func sweepOnce() async -> Bool {
        tellOldestDeletion()
        // A VM that is deleted during the listing may be on the list, and has no owner afterwards. A VM that is created
        // during the listing may not be on the list.
        let (before, running) = table.withLock { ($0.owners, $0.running(in: provider.scope)) }
        guard let listed = await list("VMs", { () async throws(ProviderError) in try await provider.instances() })
        else { return false }
        let now = clock.now
        let inUse = sandboxesInUse(of: listed, now: now)
        let findings = orphans.withLock { orphans in
            let owned = table.withLock { table in
                table.recordless = inUse.filter { !table.owners.contains($0.key) }
                return table.owners
            }.union(before).union(inUse.keys)
            return orphans.look(at: listed, owned: owned, now: now)
        }
        if !findings.new.isEmpty { tell(of: findings.new) }
        for orphan in findings.due { pool.start { await self.delete(orphan) } }
        endSetAside(by: listed, now: now)
        let needsConfirmation = await failSandboxesWithoutVM(by: listed, running, now: now)
        metrics.sweeps.increment()
        count()
        await sweepLeftovers()
        return needsConfirmation
    }

    /// A complete list of the cloud, or nil after a failure.
    private func list<Resource>(
        _ what: String, _ body: () async throws(ProviderError) -> [Resource]
    ) async -> [Resource]? {
        do throws(ProviderError) {
            return try await body()
        } catch {
            switch error.code {
            case .cancelled: break
            case .throttled: logger.info("This node's \(what) are listed later", [LogField("error", error)])
            default:
                logger.warning("Could not list this node's \(what); trying again later", [LogField("error", error)])
            }
            return nil
        }
    }

    /// Fails the running sandboxes whose VM is gone. Returns whether a VM is missing that another list has to confirm.
    private func failSandboxesWithoutVM(
        by listed: [ListedInstance], _ before: [SandboxID: Instance], now: ContinuousClock.Instant
    ) async -> Bool {
        let running = table.withLock { $0.running(in: provider.scope) }.filter { before[$0.key] == $0.value }
        let findings = absences.withLock { absences in
            absences.look(at: listed, running: running, now: now) { connector.lastUse(of: $0) }
        }
        for sandbox in findings.gone { await fail(sandbox) }
        return !findings.new.isEmpty
    }

    /// Closes the agent connections of a sandbox whose VM is gone, and records why. StopVM removes the sandbox.
    private func fail(_ id: SandboxID) async {
        let reason =
            "Its VM no longer exists: it was deleted, evicted or replaced, and not by this adaptor. The cloud's activity "
            + "log has more under the VM's name."
        do {
            guard case .disconnect = try await step(id, { $0.vanished(reason) }) else { return }
        } catch {
            logger.warning(
                "A sandbox's VM no longer exists, which cannot be recorded; trying again",
                [LogField("sandbox", id), LogField("error", error)])
            return
        }
        logger.error("The sandbox has failed", [LogField("sandbox", id), LogField("reason", reason)])
        metrics.vanished.increment()
        await connector.disconnect(id, in: store.directory(of: id))
    }

    private func tellOldestDeletion() {
        guard let oldest = table.withLock({ $0.oldestDeletion }) else { return }
        let age = oldest.since.duration(to: clock.now)
        guard age >= Self.longDeletion else { return }
        logger.warning(
            "VMs are still being deleted",
            [
                LogField("count", oldest.count), LogField("oldest", oldest.sandbox),
                LogField("seconds", Int64(age / .seconds(1))), LogField("error", oldest.failure ?? "none"),
            ])
    }

    /// The sandboxes of listed VMs whose agent connection was in use within the grace time, with their VMs.
    ///
    /// A shim of such a sandbox lives, whatever happened to the sandbox's record.
    private func sandboxesInUse(
        of listed: [ListedInstance], now: ContinuousClock.Instant
    ) -> [SandboxID: InstanceID] {
        var inUse: [SandboxID: InstanceID] = [:]
        for vm in listed {
            guard let sandbox = options.owner.sandbox(of: vm), let use = connector.lastUse(of: sandbox),
                use.duration(to: now) < options.orphanGraceTime
            else { continue }
            inUse[sandbox] = vm.id
        }
        return inUse
    }

    private func tell(of orphans: [OrphanWatch<ListedInstance>.Orphan]) {
        let names = orphans.map(\.resource.id.rawValue).sorted().prefix(Self.namedOrphans).joined(separator: " ")
        logger.warning(
            """
            VMs with this cluster's and this node's tags have no sandbox on record; they are deleted after the grace time \
            (-orphan-grace-time). If they belong to pods, check that -pods-dir names the right directory
            """,
            [
                LogField("count", orphans.count), LogField("vms", names),
                LogField("seconds", Int64(options.orphanGraceTime / .seconds(1))),
            ])
    }

    private func delete(_ orphan: OrphanWatch<ListedInstance>.Orphan) async {
        let (vm, sandbox) = (orphan.resource, orphan.sandbox)
        let log = logger.with("vm", vm.id).with("sandbox", sandbox)
            .with("pod", vm.tags[InstanceTags.pod] ?? "").with("namespace", vm.tags[InstanceTags.namespace] ?? "")
        log.warning("The VM has had no sandbox for the grace time; deleting it")
        metrics.orphans.increment()
        let isDeleted = await insist(on: "delete the VM", log) {
            try await self.unlessForeign(log) { try await self.deleteVM(vm.id, of: sandbox) }
        }
        orphans.withLock { $0.forget(vm.id) }
        if isDeleted { log.info("The VM is no orphan any more") }
    }

    /// Begins the deletion of the resources without a VM that have had no owner for the grace time.
    private func sweepLeftovers() async {
        let before = table.withLock { $0.owners }
        guard
            let listed = await list(
                "resources without a VM", { () async throws(ProviderError) in try await provider.leftovers() })
        else { return }
        let now = clock.now
        let findings = leftovers.withLock { leftovers in
            leftovers.look(at: listed, owned: table.withLock { $0.owners }.union(before), now: now)
        }
        for orphan in findings.new {
            logger.warning(
                "A resource with this cluster's and this node's tags belongs to no VM; it is deleted after the grace time",
                [LogField("kind", orphan.resource.kind.rawValue), LogField("name", orphan.resource.name)])
        }
        for orphan in findings.due { pool.start { await self.delete(orphan) } }
    }

    private func delete(_ orphan: OrphanWatch<Leftover>.Orphan) async {
        let leftover = orphan.resource
        let log = logger.with("name", leftover.name).with("sandbox", orphan.sandbox)
        log.warning("The \(leftover.kind.rawValue) has had no VM for the grace time; deleting it")
        metrics.leftovers.increment(leftover.kind.rawValue)
        let isDeleted = await insist(on: "delete the \(leftover.kind.rawValue)", log) {
            try await self.unlessForeign(log) {
                try await self.deletions.withPermit { try await self.provider.deleteLeftover(leftover) }
            }
        }
        leftovers.withLock { $0.forget(leftover.id) }
        if isDeleted { log.info("The \(leftover.kind.rawValue) is no leftover any more") }
    }

    /// Deletes an orphan. A resource whose tags have changed is no orphan of this node any more.
    private func unlessForeign(_ log: Logger, _ delete: @Sendable () async throws -> Void) async throws {
        do {
            try await delete()
        } catch let error as ProviderError {
            guard error.code == .foreign else { throw error }
            log.warning("The tags have changed; nothing is deleted", [LogField("error", error)])
        }
    }
}

extension SandboxTable {
    /// The running sandboxes with a VM in `scope`.
    fileprivate func running(in scope: CloudScope) -> [SandboxID: Instance] {
        entries.compactMapValues { entry in
            guard case .running(let instance) = entry.sandbox.state, entry.sandbox.record.scope == scope else {
                return nil
            }
            return instance
        }
    }

    /// The deletion that began first, and the number of all deletions; nil without a deletion.
    var oldestDeletion: (sandbox: SandboxID, since: ContinuousClock.Instant, count: Int, failure: String?)? {
        let deletions = entries.compactMap { id, entry in entry.endingSince.map { (id, $0, entry.failure) } }
        guard let oldest = deletions.min(by: { $0.1 < $1.1 }) else { return nil }
        return (oldest.0, oldest.1, deletions.count, oldest.2)
    }
}
