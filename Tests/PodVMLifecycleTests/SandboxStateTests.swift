import Doubles
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

/// Every event in every state. The tables here are complete.
@Suite("Sandbox state")
struct SandboxStateTests {
    static let vm = InstanceID(rawValue: "podvm-a-1")
    static let instance = Instance(id: vm, addresses: ["10.0.0.4"])
    static let states: [SandboxState] = [
        .preparing(vm), .prepared(vm), .creating(vm), .booting(instance), .running(instance), .deleting(vm), .gone(vm),
        .failed(vm, reason: "gone"),
    ]

    struct Row: Sendable, CustomTestStringConvertible {
        let event: String
        let apply: @Sendable (SandboxState) -> Decision
        /// What comes of each state, in the order of `states`: the next state's index, and the effect.
        let results: [(Int, SandboxState.Effect)]
        var testDescription: String { event }
    }

    static let delete = SandboxState.Effect.deleteInstance(vm)

    static let rows: [Row] = [
        Row(
            event: "prepared", apply: { $0.prepared() },
            results: [
                (1, .nothing), (1, .nothing), (2, .nothing), (3, .nothing), (4, .nothing), (5, .nothing),
                (6, .nothing), (7, .nothing),
            ]),
        Row(
            event: "preparationFailed", apply: { $0.preparationFailed() },
            results: [
                (6, .release), (1, .nothing), (2, .nothing), (3, .nothing), (4, .nothing), (5, .nothing),
                (6, .nothing), (7, .nothing),
            ]),
        Row(
            event: "created", apply: { $0.created(at: ["10.0.0.4"]) },
            results: [
                (5, delete), (5, delete), (3, .connect(instance)), (3, .nothing), (4, .nothing), (5, .nothing),
                (5, delete), (7, .nothing),
            ]),
        Row(
            event: "creationFailed", apply: { $0.creationFailed() },
            results: [
                (0, .nothing), (1, .nothing), (5, delete), (3, .nothing), (4, .nothing), (5, .nothing),
                (6, .nothing), (7, .nothing),
            ]),
        Row(
            event: "replaced", apply: { $0.replaced() },
            results: [
                (0, .nothing), (1, .nothing), (2, .nothing), (2, .createInstance(vm)), (4, .nothing), (5, .nothing),
                (6, .nothing), (7, .nothing),
            ]),
        Row(
            event: "answered", apply: { $0.answered() },
            results: [
                (0, .nothing), (1, .nothing), (2, .nothing), (4, .discardBootDocument), (4, .nothing), (5, .nothing),
                (6, .nothing), (7, .nothing),
            ]),
        Row(
            event: "connectFailed", apply: { $0.connectFailed() },
            results: [
                (0, .nothing), (1, .nothing), (2, .nothing), (5, delete), (4, .nothing), (5, .nothing),
                (6, .nothing), (7, .nothing),
            ]),
        Row(
            event: "failed", apply: { $0.failed() },
            results: [
                (6, .release), (6, .release), (5, delete), (5, delete), (5, delete), (5, delete), (6, .release),
                (5, delete),
            ]),
        Row(
            event: "stop", apply: { $0.stop() },
            results: [
                (6, .release), (6, .release), (5, delete), (5, delete), (5, delete), (5, delete), (6, .release),
                (5, delete),
            ]),
        Row(
            event: "deleted", apply: { $0.deleted() },
            results: [
                (0, .nothing), (1, .nothing), (2, .nothing), (3, .nothing), (4, .nothing), (6, .release),
                (6, .release), (7, .nothing),
            ]),
        Row(
            event: "recovered", apply: { $0.recovered() },
            results: [
                (6, .release), (1, .nothing), (5, delete), (5, delete), (4, .nothing), (5, delete), (6, .release),
                (7, .nothing),
            ]),
        Row(
            event: "vanished", apply: { $0.vanished("gone") },
            results: [
                (0, .nothing), (1, .nothing), (2, .nothing), (3, .nothing), (7, .disconnect), (5, .nothing),
                (6, .nothing), (7, .nothing),
            ]),
    ]

    @Test("follows the diagram for every event in every state", arguments: rows)
    func table(row: Row) async throws {
        for (state, (next, effect)) in zip(Self.states, row.results) {
            let (sandbox, got) = try await committed(state, row.apply)
            #expect(sandbox.state == Self.states[next], "\(row.event) in \(state.name)")
            #expect(got == effect, "\(row.event) in \(state.name)")
        }
    }

    @Test("keeps a start of an earlier process where its callers survive", arguments: states)
    func recovered(state: SandboxState) async throws {
        let (sandbox, _) = try await committed(state) { $0.recovered(callersSurvive: true) }
        let (other, _) = try await committed(state) { $0.recovered() }
        switch state {
        case .creating, .booting: #expect(sandbox.state == state && other.state == .deleting(Self.vm))
        default: #expect(sandbox.state == other.state)
        }
    }

    @Test("starts a prepared sandbox or one whose start was interrupted, and refuses to start any other")
    func start() async throws {
        for state in [SandboxState.prepared(Self.vm), .creating(Self.vm), .booting(Self.instance)] {
            let (sandbox, effect) = try await committed(state) { try $0.start() }
            #expect(sandbox.state == .creating(Self.vm))
            #expect(effect == .createInstance(Self.vm))
        }
        let refusals: [SandboxState.StartRefusal?] = [
            .inProgress, nil, nil, nil, .running, .stopped, .stopped,
            .failed(reason: "gone"),
        ]
        for case (let state, let refusal?) in zip(Self.states, refusals) {
            await #expect(throws: refusal, "\(state.name)") { try await committed(state) { try $0.start() } }
        }
    }

    @Test("never leaves a VM that may exist without a later deletion", arguments: states)
    func noOrphan(state: SandboxState) async throws {
        let mayExist =
            switch state {
            case .creating, .booting, .running, .failed, .deleting: true
            case .preparing, .prepared, .gone: false
            }
        for row in Self.rows where row.event != "deleted" {
            let (sandbox, _) = try await committed(state, row.apply)
            if case .gone = sandbox.state, mayExist { Issue.record("\(row.event) in \(state.name) forgets a VM") }
        }
    }

    @Test("returns no effect and does not change when the disk refuses the record")
    func fullDisk() async throws {
        let store = MemoryStore()
        var sandbox = try await sandbox(.prepared(Self.vm), in: store)
        store.fail(with: .full)
        var effect: SandboxState.Effect?
        let error = await #expect(throws: RecordError.self) {
            effect = try await sandbox.commit(try sandbox.state.start(), in: store)
        }
        #expect(error?.isOutOfSpace == true)
        #expect(effect == nil)
        #expect(sandbox.state == .prepared(Self.vm))
    }

    @Test("continues a deletion when the disk refuses the record, reports it, and records it later")
    func abandoning() async throws {
        let store = MemoryStore()
        var sandbox = try await sandbox(.running(Self.instance), in: store)
        store.fail(with: .full)
        var (effect, failure) = await sandbox.abandon(sandbox.state.stop(), in: store)
        #expect(effect == Self.delete)
        #expect(failure?.isOutOfSpace == true)
        #expect(try store.load().records.first?.state == .running(Self.instance))
        store.fail(with: nil)
        (effect, failure) = await sandbox.abandon(sandbox.state.stop(), in: store)
        #expect(failure == nil)
        #expect(try store.load().records.first?.state == .deleting(Self.vm))
    }

    private func sandbox(_ state: SandboxState, in store: MemoryStore) async throws -> Sandbox {
        var record = SandboxRecord(try request("a"), vm: Self.vm, created: 1)
        record.state = state
        var sandbox = Sandbox(unrecorded: record)
        try await sandbox.create(in: store)
        if state.mayHaveVM { try await store.write(record, toSurvive: .firstPowerCut) }
        return sandbox
    }

    private func committed(
        _ state: SandboxState, _ apply: (SandboxState) throws -> Decision
    ) async throws -> (Sandbox, SandboxState.Effect) {
        let store = MemoryStore()
        var sandbox = try await sandbox(state, in: store)
        let effect = try await sandbox.commit(try apply(state), in: store)
        #expect(try store.load().records == [sandbox.record], "disk and memory have the same state")
        return (sandbox, effect)
    }
}
