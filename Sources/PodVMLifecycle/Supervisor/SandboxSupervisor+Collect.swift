internal import LinuxIO
internal import Telemetry

extension SandboxSupervisor {
    /// The orphans of `nodes` in the cloud, now.
    ///
    /// - Throws: ``LifecycleError`` when the cloud cannot be listed completely, or when this node has no name or cluster.
    public func orphans(of nodes: OrphanNodes) async throws(LifecycleError) -> [CloudOrphan] {
        guard options.owner.isNamed else {
            throw LifecycleError(
                .failedPrecondition, "Orphans cannot be found: this adaptor has no node name or no cluster id.")
        }
        // A VM that is deleted during the listing may be on the list, and has no owner afterwards.
        let before = table.withLock { $0.owners }
        do throws(ProviderError) {
            let vms = try await provider.instances()
            let leftovers = try await provider.leftovers()
            let inUse = vms.compactMap { options.owner.sandbox(of: $0) }.filter { connector.lastUse(of: $0) != nil }
            let search = OrphanSearch(
                owner: options.owner, owned: table.withLock { $0.owners }.union(before).union(inUse),
                graceTime: options.orphanGraceTime, now: clock.secondsSince1970)
            return search.orphans(vms, leftovers, of: nodes)
        } catch {
            throw LifecycleError(
                error.code == .throttled ? .resourceExhausted : .unavailable,
                "Orphans cannot be found: \(error). Try again later.", cause: error)
        }
    }

    /// Begins to delete those orphans of `nodes` that `isChosen` names and that can be deleted. Returns these.
    ///
    /// The deletions continue in the background, until the cloud confirms them. They are not on record: when the process
    /// ends before that, the orphans are found again.
    /// - Throws: as ``orphans(of:)``.
    public func collect(
        _ nodes: OrphanNodes, where isChosen: (CloudOrphan) -> Bool
    ) async throws(LifecycleError) -> [CloudOrphan] {
        let chosen = try await orphans(of: nodes).filter { $0.obstacle == nil && isChosen($0) }
        for orphan in chosen { pool.start { await self.delete(orphan) } }
        return chosen
    }

    private func delete(_ orphan: CloudOrphan) async {
        let log = logger.with("resource", orphan.name).with("kind", orphan.kind)
            .with("node", orphan.tags[InstanceTags.node] ?? "").with("pod", orphan.tags[InstanceTags.pod] ?? "")
            .with("namespace", orphan.tags[InstanceTags.namespace] ?? "")
        log.warning("Deleting an orphan, as an operator has asked", [LogField("reason", orphan.reason)])
        let isDeleted = await insist(on: "delete the \(orphan.kind)", log) {
            do throws(ProviderError) {
                switch orphan.resource {
                case .vm(let vm, let sandbox): try await self.provider.deleteInstance(vm.id, of: sandbox)
                case .leftover(let leftover): try await self.provider.deleteLeftover(leftover)
                }
            } catch {
                guard error.code == .foreign else { throw error }
                log.warning("The orphan has changed; it is not deleted", [LogField("error", error)])
            }
        }
        if isDeleted { log.info("The orphan is gone, or no orphan any more") }
    }
}
