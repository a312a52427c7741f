/// A step that is decided but not yet durable.
///
/// Only ``Sandbox`` can read its effect, and returns the effect once the new state is on disk. Code that acts before it
/// writes does not compile.
package struct Decision: ~Copyable {
    fileprivate let state: SandboxState
    fileprivate let effect: SandboxState.Effect

    init(_ state: SandboxState, then effect: SandboxState.Effect) {
        self.state = state
        self.effect = effect
    }
}

/// One pod's VM, and its record, which outlives this process.
package struct Sandbox: Sendable {
    /// The record in memory. It differs from the record on disk before ``create(in:)``, and after a deletion that the
    /// disk refused (``abandon(_:in:)``).
    package private(set) var record: SandboxRecord
    /// Whether the present state is on disk.
    private var isRecorded: Bool
    /// Whether a record of the sandbox is known to survive a power cut.
    private var isDurable: Bool
    /// Whether the record that survives a power cut is known to say that the sandbox ends.
    private var isEndDurable = false

    /// The sandbox's place in its life cycle.
    package var state: SandboxState { record.state }

    /// A sandbox that CreateVM begins to prepare, before it is on disk.
    package init(unrecorded record: SandboxRecord) {
        self.record = record
        isRecorded = false
        isDurable = false
    }

    /// Adopts a sandbox from its record. A record of an older version is written again with the next step.
    package init(recovered record: SandboxRecord) {
        self.record = record
        isRecorded = !record.isOutdated
        isDurable = record.state.isSurelyDurable
        if case .deleting = record.state { isEndDurable = true }
    }

    /// Notes the number of the pod's tunnel, or where the VM is tried. The next step records it.
    mutating func note(_ change: (inout SandboxRecord) -> Void) {
        let before = record
        change(&record)
        precondition(record.state == before.state && record.id == before.id, "a step changes the state")
        if record != before { isRecorded = false }
    }

    /// Creates the sandbox's directory and its first record.
    package mutating func create(in store: some RecordStore) async throws(RecordError) {
        try await store.create(record)
        isRecorded = true
    }

    /// Makes a step durable, then returns its effect. If the write fails, nothing has changed. With `time`, in milliseconds
    /// since 1970, the record's history has the step.
    package mutating func commit(
        _ decision: consuming Decision, in store: some RecordStore, at time: Int64? = nil
    ) async throws(RecordError) -> SandboxState.Effect {
        var next = record
        next.enter(decision.state, at: time)
        next.isOutdated = false
        if next.state != state || !isRecorded || decision.effect.needsDurableRecord && !isDurable {
            let event = next.state.survivedEvent(after: isDurable, isEndDurable: isEndDurable)
            try await store.write(next, toSurvive: event)
            if event != .processEnd { (isDurable, isEndDurable) = (true, next.state.isEnding) }
        }
        record = next
        isRecorded = true
        return decision.effect
    }

    /// Makes a step towards the sandbox's end, durable if the write succeeds, and returns its effect in any case.
    ///
    /// This is the one exception to "write first", and it is safe in one direction only. The old record says that a VM
    /// may exist. So a crash now leaves a record that owns the VM, never a VM without a record. And a full disk must
    /// not keep a VM alive: its sandbox's directory is part of what fills the disk.
    package mutating func abandon(
        _ decision: consuming Decision, in store: some RecordStore, at time: Int64? = nil
    ) async -> (effect: SandboxState.Effect, failure: RecordError?) {
        let (next, effect) = (decision.state, decision.effect)
        do {
            return (try await commit(Decision(next, then: effect), in: store, at: time), nil)
        } catch {
            // The record in the state that the sandbox keeps stays as it is.
            if next == state { return (effect, error) }
            switch next {
            case .deleting, .gone: break
            case .preparing, .prepared, .creating, .booting, .running, .failed:
                preconditionFailure("a step to \(next.name) must be recorded before it is taken")
            }
            record.enter(next, at: time)
            isRecorded = false
            return (effect, error)
        }
    }
}

extension SandboxRecord {
    /// Takes a state, and adds it to the history if it is another one.
    fileprivate mutating func enter(_ next: SandboxState, at time: Int64?) {
        if let time, next.name != state.name {
            let kind = SandboxStep.Kind(rawValue: next.name)
            var detail = ""
            if case .failed(_, let reason) = next { detail = reason }
            let hasPlace = kind == .booting || kind == .running
            history.append(
                SandboxStep(
                    kind, at: time, place: hasPlace ? place?.description ?? "" : "", detail: detail))
        }
        state = next
    }
}

extension SandboxState {
    /// The event that the record of this state has to survive. `isDurable` says that a record is known to survive a power
    /// cut, and `isEndDurable` that it says that the sandbox ends.
    ///
    /// While there is no VM, the record describes nothing outside this machine's memory: a power cut ends the pod, and
    /// the record with it. From the first request to the cloud, only the record can find the VM again. When the VM is
    /// deleted, an old record that says so only causes another deletion. Where the disk has refused that record, the old
    /// one says that the pod runs, and no shim calls StopVM again.
    fileprivate func survivedEvent(after isDurable: Bool, isEndDurable: Bool) -> SurvivedEvent {
        guard mayHaveVM else { return isEnding && isDurable && !isEndDurable ? .powerCut : .processEnd }
        return isDurable ? .powerCut : .firstPowerCut
    }

    /// Whether a record of this state, found by a later process, shows that the record survives a power cut.
    ///
    /// A record in the state `creating` may be one whose write has failed after it replaced the file. Later states follow
    /// only a record that was written completely.
    fileprivate var isSurelyDurable: Bool {
        switch self {
        case .preparing, .prepared, .creating: false
        case .booting, .running, .failed, .deleting, .gone: true
        }
    }
}

extension SandboxState.Effect {
    /// Whether only a record that survives a power cut permits the effect.
    fileprivate var needsDurableRecord: Bool {
        if case .createInstance = self { true } else { false }
    }
}
