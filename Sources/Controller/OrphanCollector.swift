internal import LinuxIO
package import PodVMLifecycle
package import Telemetry

/// Finds the orphans of the whole cluster, and deletes them after the grace time.
///
/// Only the replica that holds the Lease runs it. Each sweep lists the cloud first and the cluster then; a list that failed or that
/// cannot be complete ends the sweep without any effect. Each effect asks again for the absence that justifies it.
///
/// Concurrency: the table of orphans has a lock. Deletions are tasks of a pool that ends with ``run(while:)``.
package final class OrphanCollector: Sendable {
    /// What an operator may set.
    package struct Options: Sendable {
        /// How long something must be an orphan before it is deleted.
        package var graceTime = Duration.seconds(600)
        /// The pause between two sweeps, if the grace time is not shorter.
        package var interval = Duration.seconds(300)
        /// How many orphans are deleted at the same time.
        package var deletionsAtOnce = 8

        /// The defaults.
        package init() {}
    }

    private struct State {
        var ledger: OrphanLedger
        var lastSweep: Int64?
        var failure: String?
    }

    /// The shortest pause between two sweeps.
    private static let shortestPause = Duration.milliseconds(100)

    private let cloud: any ControllerCloud
    private let cluster: any ControllerCluster
    private let rules: OrphanRules
    private let own: OwnPlace
    private let options: Options
    private let clock: any LifecycleClock
    private let logger: Logger
    private let metrics: CollectorMetrics
    private let permits: AsyncSemaphore
    private let state: Lock<State>

    /// A collector for the cluster that `rules` name. It does nothing before ``run(while:)``.
    package init(
        cloud: any ControllerCloud, cluster: any ControllerCluster, rules: OrphanRules, seenFrom own: OwnPlace,
        options: Options = Options(), clock: any LifecycleClock, logger: Logger = .silent, metrics: Metrics = Metrics()
    ) {
        self.cloud = cloud
        self.cluster = cluster
        self.rules = rules
        self.own = own
        self.options = options
        self.clock = clock
        self.logger = logger
        self.metrics = CollectorMetrics(metrics)
        permits = AsyncSemaphore(max(1, options.deletionsAtOnce))
        state = Lock(State(ledger: OrphanLedger(graceTime: options.graceTime)))
    }

    /// Sweeps and deletes until cancelled. It acts only while `mayAct` returns true, and asks before each effect.
    ///
    /// When it returns, no deletion is in progress, and all sightings are forgotten: the next leader sees everything itself.
    package func run(while mayAct: @escaping @Sendable () -> Bool) async {
        let pool = TaskPool()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await pool.run() }
            group.addTask { await self.sweepRepeatedly(pool, mayAct) }
            await group.waitForAll()
        }
        state.withLock { $0 = State(ledger: OrphanLedger(graceTime: options.graceTime)) }
        metrics.clear()
    }

    /// The orphans of the last sweep.
    package var report: OrphanReport {
        let now = clock.now
        return state.withLock { state in
            OrphanReport(
                entries: state.ledger.entries, graceTime: options.graceTime, lastSweep: state.lastSweep,
                failure: state.failure, now: now, seconds: clock.secondsSince1970)
        }
    }

    private func sweepRepeatedly(_ pool: TaskPool, _ mayAct: @escaping @Sendable () -> Bool) async {
        let pause = max(min(options.interval, options.graceTime), Self.shortestPause)
        while !Task.isCancelled {
            await sweep(pool, mayAct)
            do { try await clock.sleep(for: pause) } catch { return }
        }
    }

    private func sweep(_ pool: TaskPool, _ mayAct: @escaping @Sendable () -> Bool) async {
        let orphans: [Orphan]
        do {
            orphans = try await findOrphans()
        } catch {
            if Task.isCancelled { return }
            state.withLock { $0.failure = "\(error)" }
            metrics.sweeps.increment("failed")
            return logger.warning(
                "The sweep for orphans has no effect, because not all lists could be read",
                [LogField("error", "\(error)")])
        }
        guard mayAct() else { return }
        let now = clock.now
        let (findings, entries) = state.withLock { state in
            let findings = state.ledger.look(at: orphans, now: now)
            state.lastSweep = clock.secondsSince1970
            state.failure = nil
            return (findings, state.ledger.entries)
        }
        metrics.sweeps.increment("complete")
        metrics.show(entries, now: now, seconds: clock.secondsSince1970)
        for orphan in findings.new { tell(of: orphan) }
        for orphan in findings.due { pool.start { await self.collect(orphan, mayAct) } }
    }

    private func findOrphans() async throws -> [Orphan] {
        let vms = try await cloud.instances()
        let leftovers = try await cloud.leftovers()
        // After the cloud's lists: see ``ClusterSnapshot``.
        let snapshot = try await cluster.snapshot()
        if let doubt = snapshot.doubt(seenFrom: own) { throw ClusterFailure(doubt) }
        return rules.orphans(vms: vms, leftovers: leftovers, in: snapshot)
    }

    private func tell(of orphan: Orphan) {
        logger(of: orphan).warning(
            "The \(orphan.kind) is an orphan: \(orphan.explanation)"
                + (orphan.obstacle.map { ". It stays, because \($0)" } ?? "; it is deleted after the grace time"),
            [LogField("seconds", options.graceTime.components.seconds)])
    }

    private func logger(of orphan: Orphan) -> Logger {
        logger.with("name", orphan.name).with("node", orphan.node).with("namespace", orphan.namespace)
            .with("pod", orphan.pod).with("size", orphan.size ?? "")
    }

    private func collect(_ orphan: Orphan, _ mayAct: @escaping @Sendable () -> Bool) async {
        let log = logger(of: orphan)
        do {
            try await permits.withPermit { try await self.delete(orphan, mayAct, log) }
            state.withLock { $0.ledger.ended(orphan, failure: nil) }
            metrics.deletions.increment(orphan.reason.rawValue, "deleted")
            log.info("The \(orphan.kind) is deleted")
        } catch {
            state.withLock { $0.ledger.ended(orphan, failure: "\(error)") }
            if Task.isCancelled { return }
            metrics.deletions.increment(orphan.reason.rawValue, "failed")
            log.warning(
                "The \(orphan.kind) could not be deleted; the next sweep tries again", [LogField("error", "\(error)")])
        }
    }

    private func delete(_ orphan: Orphan, _ mayAct: @Sendable () -> Bool, _ log: Logger) async throws {
        for object in orphan.absent where try await cluster.exists(object) {
            throw ClusterFailure("\(object) exists again, so nothing is deleted")
        }
        try check(mayAct)
        log.warning("The \(orphan.kind) has been an orphan for the grace time; deleting it: \(orphan.explanation)")
        switch orphan.subject {
        case .vm(let vm): try await cloud.delete(vm)
        case .leftover(let leftover): try await cloud.deleteLeftover(leftover)
        case .peerPod(let peerPod, _):
            try await deleteVM(of: peerPod, mayAct)
            try check(mayAct)
            try await cluster.release(peerPod)
        }
    }

    /// Deletes the VM that a PeerPod names. Returns only when the cloud has said that the VM does not exist.
    private func deleteVM(of peerPod: PeerPodEntry, _ mayAct: @Sendable () -> Bool) async throws {
        guard let vm = try await cloud.instance(at: peerPod.instancePath) else { return }
        if let fault = rules.fault(of: vm, for: peerPod) {
            throw ClusterFailure("nothing is deleted, because \(fault)")
        }
        try check(mayAct)
        try await cloud.delete(vm)
        guard try await cloud.instance(at: peerPod.instancePath) == nil else {
            throw ClusterFailure("the VM \(vm.id) still exists after its deletion")
        }
    }

    private func check(_ mayAct: () -> Bool) throws {
        try Task.checkCancellation()
        guard mayAct() else { throw ClusterFailure("another replica is the leader now, so this one deletes nothing") }
    }
}

extension ClusterObject: CustomStringConvertible {
    /// Such as `the pod default/web`.
    package var description: String {
        switch self {
        case .node(let name): "the node \(name)"
        case .namespace(let name): "the namespace \(name)"
        case .pod(let namespace, let name, _): "the pod \(namespace)/\(name)"
        }
    }
}
