public import LinuxIO
public import Telemetry

/// The sandboxes of this node: creates them, starts and stops their VMs, and deletes every VM that has no owner, also
/// after failures.
///
/// Concurrency: each sandbox has a semaphore. A call that holds the semaphore decides, records the decision - other
/// sandboxes continue during the disk write - and publishes the decision in `table`, under the table's lock. So two
/// simultaneous calls for one sandbox run one after the other, and no other call sees a decision that is not recorded.
/// The effect of a decision - a request to the cloud, the tunnel - happens after the semaphore is released, and reports
/// its result as the next event. The work of CreateVM and StartVM, for which several callers may wait, and the teardown
/// of a sandbox, which outlives its caller, are children of ``run()``.
public final class SandboxSupervisor: Sendable {
    /// The operator's settings.
    public struct Options: Sendable {
        /// The time limit for the answer of a VM's agent.
        public var proxyTimeout: ProxyTimeout
        /// This node's name, for the VMs' tags. While it is empty, no orphan is deleted.
        public var node: String
        /// The cluster's identity, for the VMs' tags. While it is empty, no orphan is deleted.
        public var cluster: String
        /// Additional tags for each VM.
        public var tags: [String: String]
        /// The time that a VM must be seen without an owner before it is deleted.
        public var orphanGraceTime: Duration
        /// The time that a sandbox must look abandoned by its shim before it is stopped; zero disables the check.
        public var abandonedTimeout: Duration
        /// The number of VMs that are deleted at the same time.
        public var deletionsAtOnce: Int
        /// Whether a gateway holds the shims' connections, and repeats their calls to the next process. Then a start
        /// survives the end of this process.
        public var callersSurviveRestart: Bool

        /// The adaptor's defaults, with empty names.
        public init(
            proxyTimeout: ProxyTimeout = ProxyTimeout(.seconds(300)), node: String = "", cluster: String = "",
            tags: [String: String] = [:], orphanGraceTime: Duration = .seconds(600),
            abandonedTimeout: Duration = .seconds(60), deletionsAtOnce: Int = 16, callersSurviveRestart: Bool = false
        ) {
            self.proxyTimeout = proxyTimeout
            self.node = node
            self.cluster = cluster
            self.tags = tags
            self.orphanGraceTime = orphanGraceTime
            self.abandonedTimeout = abandonedTimeout
            self.deletionsAtOnce = deletionsAtOnce
            self.callersSurviveRestart = callersSurviveRestart
        }

        var owner: VMOwner { VMOwner(cluster: cluster, node: node) }
    }

    let store: any RecordStore
    let provider: any CloudProvider
    let connector: any PodConnector
    let namespaces: any PodNamespaces
    let observer: any LifecycleObserver
    let details: any PodDetailsSource
    let clock: any LifecycleClock
    let options: Options
    let metrics: LifecycleMetrics
    let pool = TaskPool()
    let table = Lock(SandboxTable())
    let orphans: Lock<OrphanWatch<ListedInstance>>
    let leftovers: Lock<OrphanWatch<Leftover>>
    let absences = Lock(AbsenceWatch())
    /// Admits the deletions to the cloud, in the order of their tries.
    let deletions: AsyncSemaphore
    let logger: Logger

    /// A supervisor of the sandboxes in `podsDirectory`, which is created with mode 0700 if it does not exist. Call
    /// ``load()`` first.
    public convenience init(
        podsDirectory: String, provider: any CloudProvider, connector: any PodConnector,
        observer: (any LifecycleObserver)? = nil, details: (any PodDetailsSource)? = nil, loop: EpollLoop,
        logger: Logger = .silent, metrics: Metrics = Metrics(), options: Options = Options()
    ) {
        self.init(
            store: PodsDirectory(path: podsDirectory), provider: provider, connector: connector,
            observer: observer ?? NoObserver(), details: details ?? NoDetails(), clock: LoopClock(loop: loop),
            logger: logger, metrics: metrics,
            options: options)
    }

    /// A supervisor that reaches all objects outside it through the given ports, for tests.
    package init(
        store: any RecordStore, provider: any CloudProvider, connector: any PodConnector,
        namespaces: any PodNamespaces = KernelNamespaces(), observer: any LifecycleObserver = NoObserver(),
        details: any PodDetailsSource = NoDetails(), clock: any LifecycleClock, logger: Logger = .silent,
        metrics: Metrics = Metrics(),
        options: Options = Options()
    ) {
        self.store = store
        self.provider = provider
        self.connector = connector
        self.namespaces = namespaces
        self.observer = observer
        self.details = details
        self.clock = clock
        self.logger = logger
        self.metrics = LifecycleMetrics(metrics)
        self.options = options
        orphans = Lock(OrphanWatch(owner: options.owner, graceTime: options.orphanGraceTime))
        leftovers = Lock(OrphanWatch(owner: options.owner, graceTime: options.orphanGraceTime))
        deletions = AsyncSemaphore(max(options.deletionsAtOnce, 1))
        metrics.gauge(
            "peerpods_oldest_deletion_seconds",
            "The age of the oldest VM deletion that the cloud has not confirmed; 0 without one."
        ) { [table] in
            table.withLock { $0.oldestDeletion }.map { $0.since.duration(to: clock.now) / .seconds(1) } ?? 0
        }
    }

    /// Adopts the sandboxes of an earlier process: running VMs stay on record, and a stop in progress goes on. A start in
    /// progress ends in a deletion, or waits for its StartVM where callers survive a restart.
    ///
    /// - Throws: ``LifecycleError`` when the pods directory cannot be created or listed. A sandbox whose record cannot be
    ///   used is logged and set aside; the other records are adopted.
    public func load() async throws(LifecycleError) {
        var loaded: LoadedRecords
        do {
            loaded = try await store.load()
        } catch {
            throw LifecycleError(
                error.isOutOfSpace ? .resourceExhausted : .internal,
                "The pods directory cannot be used: \(error). Check -pods-dir and its permissions.", cause: error)
        }
        loaded.check(owner: options.owner, scope: provider.scope)
        setAside(loaded)
        if loaded.goDirectories > 0 {
            logger.warning(
                """
                The pods directory has directories of a Go cloud-api-adaptor; they are left alone, and so are their VMs. \
                Once that adaptor's pods are gone, remove the directories
                """, [LogField("count", loaded.goDirectories)])
        }
        // Adopt all of them before any continues: a resource that one sandbox releases may belong to another.
        for id in loaded.records.map(\.id) + table.withLock({ $0.setAside.keys.sorted { $0.rawValue < $1.rawValue } }) {
            connector.adopt(id, in: store.directory(of: id))
        }
        table.withLock { table in
            for record in loaded.records {
                table.entries[record.id] = .init(
                    sandbox: Sandbox(recovered: record), turn: AsyncSemaphore(1), isTakenUp: true)
            }
        }
        count()
        await withDiscardingTaskGroup { [loaded] group in
            for record in loaded.records {
                group.addTask { await self.adopt(record, isStopped: loaded.stopped.contains(record.id)) }
            }
        }
        pool.start { await self.stopUnclaimed() }
    }

    /// Continues a sandbox of an earlier process. `isStopped` says whether a gateway has answered its StopVM.
    private func adopt(_ record: SandboxRecord, isStopped: Bool) async {
        let log = logger(of: record)
        log.info("Found on record", [LogField("state", record.state.name), LogField("stopMark", isStopped)])
        let result = await decide(on: record.id) { sandbox in
            let next =
                isStopped
                ? sandbox.state.stop() : sandbox.state.recovered(callersSurvive: self.options.callersSurviveRestart)
            let failure = await sandbox.abandon(
                next, in: self.store, at: self.clock.millisecondsSince1970
            ).failure
            return (isEnding: sandbox.state.isEnding, failure: failure)
        }
        guard let result else { return }
        if let failure = result.failure {
            log.warning(
                "A sandbox's record could not be written; the sandbox is continued", [LogField("error", failure)])
        }
        noteWhatRemains(of: record)
        if result.isEnding {
            beginEnding(of: record.id)
        } else if case .running(let instance) = record.state {
            let directory = store.directory(of: record.id)
            await connector.reopen(record.id, in: directory, to: instance)
            await connector.started(record.id, in: directory)
        }
    }

    /// Notes what an earlier process may have left undone: a request to the cloud, a start.
    private func noteWhatRemains(of record: SandboxRecord) {
        let now = clock.now
        table.withLock { table in
            switch record.state {
            case .creating, .deleting:
                table.entries[record.id]?.lateRequestsUntil = now.advanced(by: provider.lateRequestTime)
            case .preparing, .prepared, .booting, .running, .failed, .gone: break
            }
            switch table.entries[record.id]?.sandbox.state {
            case .creating, .booting: table.entries[record.id]?.isUnclaimed = true
            default: break
            }
        }
    }

    /// Works on calls and deletions until cancelled.
    ///
    /// When cancelled, it stops immediately: unfinished deletions stay on record for the next process.
    public func run() async {
        await pool.run()
        let entries = table.withLock { table in
            table.isOver = true
            return table.ordered
        }
        for entry in entries {
            entry.teardown?.quickPart.set()
            if let call = entry.call { leave(call, of: entry.sandbox.record.id) }
        }
    }

    /// All sandboxes that have not ended, the oldest first.
    public func sandboxes() -> [SandboxSummary] {
        let now = clock.now
        return table.withLock { table in
            table.summaries(usedScope: provider.scope) { abandonment(of: $0, now: now) }
        }
    }

    /// The histories of all sandboxes with a usable record, and of those that ended last, the oldest first.
    public func histories() -> [SandboxHistory] {
        let now = clock.now
        return table.withLock { table in
            table.ended.histories
                + table.ordered.map { entry in
                    let summary = SandboxSummary(
                        entry, usedScope: provider.scope, abandonment: abandonment(of: entry, now: now))
                    return SandboxHistory(summary, entry.sandbox.record)
                }
        }
    }
}

extension SandboxSupervisor {
    /// Waits for the sandbox's semaphore, lets `body` decide and record, and publishes the decision. Returns nil when
    /// the sandbox does not exist. The cancellation of the caller does not interrupt it.
    ///
    /// Other calls see the changes of `publish` at the same moment as the decision. If `body` throws, nothing
    /// is published.
    func decide<Outcome, Failure: Error>(
        on id: SandboxID, _ body: (inout Sandbox) async throws(Failure) -> Outcome,
        publish: (inout SandboxTable.Entry) -> Void = { _ in }
    ) async throws(Failure) -> Outcome? {
        guard let turn = table.withLock({ $0.entries[id]?.turn }) else { return nil }
        return try await turn.withPermitIgnoringCancellation { () async throws(Failure) -> Outcome? in
            // The sandbox may have been removed meanwhile, and another sandbox may have the same id.
            guard let entry = table.withLock({ $0.entries[id] }), entry.turn === turn else { return nil }
            var sandbox = entry.sandbox
            let outcome = try await body(&sandbox)
            table.withLock { table in
                guard var entry = table.entries[id] else { return }
                entry.sandbox = sandbox
                publish(&entry)
                table.entries[id] = entry
            }
            count()
            return outcome
        }
    }

    /// Carries out a step of a sandbox's life: decides and records it, and returns its effect. Returns nil when the
    /// sandbox does not exist.
    func step(
        _ id: SandboxID, _ next: (SandboxState) -> Decision
    ) async throws(RecordError) -> SandboxState.Effect? {
        try await decide(on: id) { sandbox throws(RecordError) in
            try await sandbox.commit(next(sandbox.state), in: store, at: clock.millisecondsSince1970)
        }
    }

    func count() {
        table.withLock { metrics.count($0.states) }
    }

    /// Tells the observer of an event.
    func note(_ event: LifecycleEvent, of record: SandboxRecord) { observer.observe(event, of: observed(record)) }

    func observed(_ record: SandboxRecord) -> ObservedPod {
        ObservedPod(
            name: record.podName, namespace: record.podNamespace, sandbox: record.id, vm: record.state.vm,
            vmPath: provider.path(of: record.state.vm))
    }

    func logger(of record: SandboxRecord) -> Logger {
        logger.with("sandbox", record.id).with("namespace", record.podNamespace).with("pod", record.podName)
            .with("vm", record.state.vm)
    }
}
