internal import LinuxIO

/// The supervisor's sandboxes: a value, guarded by the supervisor's lock.
struct SandboxTable {
    struct Entry {
        /// The sandbox after the last recorded decision.
        var sandbox: Sandbox
        /// Admits one decision at a time. Only a call that holds it changes `sandbox`, or removes the entry.
        let turn: AsyncSemaphore
        /// The CreateVM or StartVM in progress. A teardown that becomes due during the call begins after the call: a
        /// deletion must not overtake the creation that it undoes.
        var call: InFlightCall?
        /// The teardown in progress, at most one.
        var teardown: Teardown?
        /// Why the teardown's last try failed.
        var failure: String?
        /// Why StartVM failed.
        var startFailure: String?
        /// The time at which the deletion began, or was found on record.
        var endingSince: ContinuousClock.Instant?
        /// Until then, a request of an earlier process may still create the VM.
        var lateRequestsUntil: ContinuousClock.Instant?
        /// Whether the sandbox is in the middle of a start of an earlier process that no StartVM has continued.
        var isUnclaimed = false
        /// Whether an earlier process created the sandbox.
        var isTakenUp = false
        /// The time since which the sandbox has looked abandoned; nil if it does not.
        var abandonedSince: ContinuousClock.Instant?

        /// Whether only the shim, and no call, keeps the sandbox.
        var isIdle: Bool { call == nil && teardown == nil && !sandbox.state.isEnding }
    }

    var entries: [SandboxID: Entry] = [:]
    /// The sandboxes that ended last.
    var ended = EndedSandboxes()
    /// The sandboxes whose records cannot be used.
    var setAside: [SandboxID: SetAside] = [:]
    /// The sandboxes without a record whose VM was in the last list, and whose agent connection is in use.
    var recordless: [SandboxID: InstanceID] = [:]
    /// Set, and replaced by a new event, whenever a VM gets its address.
    var arrival = Event()
    /// Whether the supervisor refuses new sandboxes and VMs because the process ends.
    var isClosing = false
    /// Whether the background work has stopped, so that no teardown ends in this process.
    var isOver = false

    /// The sandbox whose VM has, or may have, that name.
    func owner(of vm: InstanceID) -> SandboxRecord? {
        entries.values.first { $0.sandbox.state.vm == vm }?.sandbox.record
    }

    /// The sandboxes, the oldest first: the order of a dictionary differs from one process to the next.
    var ordered: [Entry] {
        entries.values.sorted {
            let (one, other) = ($0.sandbox.record, $1.sandbox.record)
            return (one.created, one.id.rawValue) < (other.created, other.id.rawValue)
        }
    }

    /// The sandboxes that no call works on, and that are not being torn down, the oldest first.
    var idle: [Entry] { ordered.filter(\.isIdle) }

    /// The sandboxes that own a VM, or may own one. A sandbox that is set aside still owns its VM.
    var owners: Set<SandboxID> { Set(entries.keys).union(setAside.keys) }

    /// The VM of a pod; nil if there is none. The newest VM, if an older one is not deleted yet.
    func vm(ofPod name: String, in namespace: String) -> InstanceID? {
        entries.values.map(\.sandbox.record)
            .filter { $0.podName == name && $0.podNamespace == namespace && $0.state.instance != nil }
            .max { $0.created < $1.created }?.state.vm
    }

    /// Each sandbox's state, in no particular order.
    var states: [SandboxSummary.State] {
        entries.values.map { .init($0.sandbox.state) } + setAside.map { _ in .unreadable }
            + recordless.map { _ in .unreadable }
    }

    /// All sandboxes, the oldest first. `usedScope` is the provider's.
    ///
    /// `abandonment` describes a sandbox that looks abandoned; nil for others.
    func summaries(usedScope: CloudScope, abandonment: (Entry) -> String?) -> [SandboxSummary] {
        let known = entries.values.map {
            SandboxSummary($0, usedScope: usedScope, abandonment: abandonment($0))
        }
        let unknown = setAside.map { SandboxSummary(unreadable: $0, $1.record, failure: $1.explanation) }
        let recordless = recordless.map { id, vm in
            SandboxSummary(
                unreadable: id, vm: vm,
                failure: """
                    The sandbox has no record, and its agent connection is in use: its VM is not deleted as long as that \
                    is so. Check that -pods-dir names the right directory.
                    """)
        }
        return (known + unknown + recordless).sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }
}

extension SandboxRecord {
    /// What is wrong with a sandbox whose record can be used: its VM no longer runs, or is elsewhere.
    fileprivate func fault(usedScope: CloudScope) -> String? {
        if case .failed(_, let reason) = state { return reason }
        return state.mayHaveVM && scope != usedScope ? elsewhere(usedScope) : nil
    }

    /// Why the VM cannot be found or deleted with the present configuration.
    func elsewhere(_ usedScope: CloudScope) -> String {
        "The VM is in \(scope), and this adaptor is configured for \(usedScope). Start the adaptor with the former "
            + "configuration until the VM is deleted."
    }
}

extension [String] {
    /// The sentences in one text; nil when there is none.
    fileprivate var joinedSentences: String? { isEmpty ? nil : joined(separator: " ") }
}

extension SandboxSummary {
    init(_ entry: SandboxTable.Entry, usedScope: CloudScope, abandonment: String?) {
        let record = entry.sandbox.record
        let failures = [entry.startFailure, entry.failure ?? record.fault(usedScope: usedScope), abandonment]
        self.init(record, failure: failures.compactMap(\.self).joinedSentences)
    }

    init(_ record: SandboxRecord, failure: String?) {
        self.init(
            id: record.id.rawValue, podName: record.podName, podNamespace: record.podNamespace,
            state: State(record.state), vm: record.state.vm, address: record.state.instance?.addresses.first,
            created: record.created, failure: failure, place: record.place)
    }

    fileprivate init(unreadable id: SandboxID, _ record: SandboxRecord?, failure: String) {
        self.init(
            id: id.rawValue, podName: record?.podName ?? "", podNamespace: record?.podNamespace ?? "",
            state: .unreadable, vm: record?.state.vm ?? InstanceID(rawValue: ""), created: record?.created ?? 0,
            failure: failure)
    }

    fileprivate init(unreadable id: SandboxID, vm: InstanceID, failure: String) {
        self.init(
            id: id.rawValue, podName: "", podNamespace: "", state: .unreadable, vm: vm, created: 0, failure: failure)
    }
}

extension SandboxSummary.State {
    init(_ state: SandboxState) {
        switch state {
        case .preparing: self = .preparing
        case .prepared: self = .prepared
        case .creating: self = .creating
        case .booting: self = .booting
        case .running: self = .running
        case .failed: self = .failed
        case .deleting, .gone: self = .deleting
        }
    }
}
