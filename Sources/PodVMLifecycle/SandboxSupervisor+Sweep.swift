internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// Compares the cloud with the records, at once and then every `interval`, until cancelled.
    ///
    /// A VM of this node that no sandbox owns costs money and does nothing: it is deleted. Whose it is, its tags say;
    /// what does not carry ours, with this cluster's and this node's name, is not touched. Needs ``run()`` to be running.
    public func sweep(every interval: Duration) async {
        while !Task.isCancelled {
            await sweepOnce()
            guard (try? await clock.sleep(for: interval)) != nil else { return }
        }
    }

    /// Begins the deletion of every VM that has no owner now.
    func sweepOnce() async {
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
        for vm in listed {
            guard let sandbox = sandboxThatLost(vm) else { continue }
            let isNew = table.withLock { $0.orphans.insert(vm.id).inserted }
            if isNew { pool.start { await self.deleteOrphan(vm, of: sandbox) } }
        }
        metrics.sweeps.increment()
    }

    /// The sandbox that a VM was made for, if it is ours and was listed a moment ago, and has no owner.
    ///
    /// A VM's record is there before the cloud is asked for it, so one that is listed and has no record has lost it, or
    /// has just been deleted; asking for that again does no harm. A record that cannot be read still owns its VM.
    private func sandboxThatLost(_ vm: ListedInstance) -> SandboxID? {
        guard let sandbox = options.owner.sandbox(of: vm) else { return nil }
        let isOwned = table.withLock { $0.entries[sandbox] != nil || $0.unreadable[sandbox] != nil }
        return isOwned ? nil : sandbox
    }

    private func deleteOrphan(_ vm: ListedInstance, of sandbox: SandboxID) async {
        let log = logger.with("vm", vm.id).with("sandbox", sandbox)
            .with("pod", vm.tags[InstanceTags.pod] ?? "").with("namespace", vm.tags[InstanceTags.namespace] ?? "")
        log.warning("No sandbox owns this VM; deleting it")
        metrics.orphans.increment()
        let isDeleted = await insist(on: "delete the VM", log) {
            try await self.provider.deleteInstance(vm.id, of: sandbox)
        }
        _ = table.withLock { $0.orphans.remove(vm.id) }
        if isDeleted { log.info("The VM is deleted") }
    }
}
