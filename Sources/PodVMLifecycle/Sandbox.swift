/// A step that is decided but not yet durable.
///
/// Nobody can read its effect but ``Sandbox``, which gives it out only once the new state is on disk. "Write first,
/// then act" is thus no rule to keep in mind: the other order does not compile.
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
    /// What is on disk, but for a deletion that the disk refused: see ``abandon(_:in:)``.
    package private(set) var record: SandboxRecord
    /// Whether the disk knows of the present state.
    private var isRecorded: Bool

    /// Where the sandbox is in its life.
    package var state: SandboxState { record.state }

    /// Records a sandbox that CreateVM begins to prepare.
    package init(_ record: SandboxRecord, in store: some RecordStore) throws(RecordError) {
        try store.write(record)
        self.record = record
        isRecorded = true
    }

    /// Takes up a sandbox whose record was read.
    package init(recovered record: SandboxRecord) {
        self.record = record
        isRecorded = true
    }

    /// Makes a step durable, then says what it is for. If the disk refuses, nothing has changed.
    package mutating func commit(
        _ decision: consuming Decision, in store: some RecordStore
    ) throws(RecordError) -> SandboxState.Effect {
        var next = record
        next.state = decision.state
        if next.state != state || !isRecorded { try store.write(next) }
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
    ) -> (effect: SandboxState.Effect, failure: RecordError?) {
        let (next, effect) = (decision.state, decision.effect)
        do {
            return (try commit(Decision(next, then: effect), in: store), nil)
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
