/// A step that is decided but not yet durable.
///
/// Only ``Sandbox`` can read its effect, and returns it once the new state is on disk: acting before writing does not
/// compile.
package struct Decision: ~Copyable {
    fileprivate let state: SandboxState
    fileprivate let effect: SandboxState.Effect

    init(_ state: SandboxState, then effect: SandboxState.Effect) {
        self.state = state
        self.effect = effect
    }
}

/// One pod's VM, and the record of it that outlives this process.
package struct Sandbox: Sendable {
    /// The record on disk. They differ before ``create(in:)``, and after a deletion that the disk refused (``abandon(_:in:)``).
    package private(set) var record: SandboxRecord
    /// Whether the disk knows of the present state.
    private var isRecorded: Bool

    /// Where the sandbox is in its life.
    package var state: SandboxState { record.state }

    /// A sandbox that CreateVM begins to prepare, before it is on disk.
    package init(unrecorded record: SandboxRecord) {
        self.record = record
        isRecorded = false
    }

    /// Takes up a sandbox whose record was read.
    package init(recovered record: SandboxRecord) {
        self.record = record
        isRecorded = true
    }

    /// Makes the sandbox's directory and its first record.
    package mutating func create(in store: some RecordStore) async throws(RecordError) {
        try await store.create(record)
        isRecorded = true
    }

    /// Makes a step durable, then says what it is for. If the disk refuses, nothing has changed.
    package mutating func commit(
        _ decision: consuming Decision, in store: some RecordStore
    ) async throws(RecordError) -> SandboxState.Effect {
        var next = record
        next.state = decision.state
        if next.state != state || !isRecorded {
            try await store.write(next, toSurvive: next.state.survivedEvent(after: state))
        }
        record = next
        isRecorded = true
        return decision.effect
    }

    /// Makes a step towards the sandbox's end, durable if the disk allows it, and says what it is for in any case.
    ///
    /// This is the one exception to "write first", and it is safe in one direction only: what the disk still says is
    /// that a VM may exist, so a crash now leaves a record that owns it, never a VM without a record. And a full disk
    /// must not keep a VM alive: its sandbox's directory is part of what fills it.
    package mutating func abandon(
        _ decision: consuming Decision, in store: some RecordStore
    ) async -> (effect: SandboxState.Effect, failure: RecordError?) {
        let (next, effect) = (decision.state, decision.effect)
        do {
            return (try await commit(Decision(next, then: effect), in: store), nil)
        } catch {
            switch next {
            case .deleting, .gone: break
            case .preparing, .prepared, .creating, .booting, .running:
                preconditionFailure("a step to \(next.name) must be recorded before it is taken")
            }
            record.state = next
            isRecorded = false
            return (effect, error)
        }
    }
}

extension SandboxState {
    /// What the record of this state has to survive when it replaces one of the state `before`.
    ///
    /// As long as there is no VM, the record describes nothing outside this machine's memory: a power cut ends the pod, and
    /// the record with it. From the moment at which the cloud is asked, the record
    /// is all that finds the VM again. When the VM is deleted, an old record only causes another deletion.
    fileprivate func survivedEvent(after before: SandboxState) -> SurvivedEvent {
        guard mayHaveVM else { return .processEnd }
        return before.mayHaveVM ? .powerCut : .firstPowerCut
    }
}
