internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// The shortest pause between two sweeps, because a list request takes longer than that.
    private static var shortestPause: Duration { .milliseconds(100) }
    /// The number of orphans that a log line names.
    private static var namedOrphans: Int { 10 }

    /// Compares the cloud's VMs with the records, immediately and then every `interval` - or every grace time, if that
    /// is shorter - until cancelled.
    ///
    /// A VM of this node that no sandbox owns costs money without use. It is deleted once it has had no owner for the
    /// grace time. Its tags identify its node; a VM without the tags of this cluster and this node is left alone.
    /// Needs ``run()`` to be running.
    public func sweep(every interval: Duration) async {
        let pause = max(min(interval, options.orphanGraceTime), Self.shortestPause)
        while !Task.isCancelled {
            await sweepOnce()
            guard (try? await clock.sleep(for: pause)) != nil else { return }
        }
    }

    /// Begins the deletion of every VM that has had no owner for the grace time.
    func sweepOnce() async {
        // A VM that is deleted during the listing may be on the list, and has no owner afterwards.
        let before = table.withLock { $0.owners }
        let listed: [ListedInstance]
        do {
            listed = try await provider.instances()
        } catch {
            switch error.code {
            case .cancelled: break
            case .throttled: logger.info("This node's VMs are listed later", [LogField("error", error)])
            default: logger.warning("Could not list this node's VMs; trying again later", [LogField("error", error)])
            }
            return
        }
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
        metrics.sweeps.increment()
        count()
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

    private func tell(of orphans: [OrphanWatch.Orphan]) {
        let names = orphans.map(\.vm.id.rawValue).sorted().prefix(Self.namedOrphans).joined(separator: " ")
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

    private func delete(_ orphan: OrphanWatch.Orphan) async {
        let (vm, sandbox) = (orphan.vm, orphan.sandbox)
        let log = logger.with("vm", vm.id).with("sandbox", sandbox)
            .with("pod", vm.tags[InstanceTags.pod] ?? "").with("namespace", vm.tags[InstanceTags.namespace] ?? "")
        log.warning("The VM has had no sandbox for the grace time; deleting it")
        metrics.orphans.increment()
        let isDeleted = await insist(on: "delete the VM", log) { try await self.deleteUnlessForeign(orphan, log) }
        orphans.withLock { $0.forget(vm.id) }
        if isDeleted { log.info("The VM is no orphan any more") }
    }

    /// Deletes an orphan. A VM whose tags have changed is no orphan of this node any more.
    private func deleteUnlessForeign(_ orphan: OrphanWatch.Orphan, _ log: Logger) async throws(ProviderError) {
        do throws(ProviderError) {
            try await provider.deleteInstance(orphan.vm.id, of: orphan.sandbox)
        } catch {
            guard error.code == .foreign else { throw error }
            log.warning("The VM's tags have changed; it is not deleted", [LogField("error", error)])
        }
    }
}
