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
        /// Whether an earlier process created the sandbox.
        var isTakenUp = false
        /// The time since which the sandbox has looked abandoned; nil if it does not.
        var abandonedSince: ContinuousClock.Instant?

        /// Whether only the shim, and no call, keeps the sandbox.
        var isIdle: Bool { call == nil && teardown == nil && !sandbox.state.isEnding }
    }

    var entries: [SandboxID: Entry] = [:]
    /// Records that cannot be read, and why.
    var unreadable: [SandboxID: String] = [:]
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

    /// The sandboxes that no call works on, and that are not being torn down.
    var idle: [Entry] { entries.values.filter(\.isIdle) }

    /// The sandboxes that own a VM, or may own one. A sandbox whose record cannot be read still owns its VM.
    var owners: Set<SandboxID> { Set(entries.keys).union(unreadable.keys) }

    /// The VM of a pod; nil if there is none. The newest VM, if an older one is not deleted yet.
    func vm(ofPod name: String, in namespace: String) -> InstanceID? {
        entries.values.map(\.sandbox.record)
            .filter { $0.podName == name && $0.podNamespace == namespace && $0.state.addresses != nil }
            .max { $0.created < $1.created }?.state.vm
    }

    /// Each sandbox's state, in no particular order.
    var states: [SandboxSummary.State] {
        entries.values.map { .init($0.sandbox.state) } + unreadable.map { _ in .unreadable }
    }

    var summaries: [SandboxSummary] {
        let known = entries.values.map { SandboxSummary($0.sandbox.record, failure: $0.failure) }
        let unknown = unreadable.map { id, reason in
            SandboxSummary(
                id: id.rawValue, podName: "", podNamespace: "", state: .unreadable, vm: InstanceID(rawValue: ""),
                created: 0, failure: reason)
        }
        return (known + unknown).sorted { ($0.created, $0.id) < ($1.created, $1.id) }
    }
}

extension SandboxSummary {
    init(_ record: SandboxRecord, failure: String?) {
        self.init(
            id: record.id.rawValue, podName: record.podName, podNamespace: record.podNamespace,
            state: State(record.state), vm: record.state.vm, address: record.state.addresses?.first,
            created: record.created, failure: failure)
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
        case .deleting, .gone: self = .deleting
        }
    }
}
