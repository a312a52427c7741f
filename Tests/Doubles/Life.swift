internal import LinuxIO
package import PodVMLifecycle

/// The life of one process, which can end at any step that it makes on its disk.
///
/// Its store and its cloud are seen through it: once it is over, neither hears anything from the process any more,
/// however its remains go on.
package final class Life: Sendable {
    /// When the last step is lost.
    package enum End: Sendable, CaseIterable {
        case beforeTheWrite
        case afterTheWrite
    }

    private struct State {
        var steps = 0
        var isOver = false
    }

    private let state = Lock(State())
    private let last: Int
    private let end: End
    private let over = Event()

    /// A life that ends with its `last` step on disk.
    package init(last: Int = .max, _ end: End = .afterTheWrite) {
        self.last = last
        self.end = end
    }

    /// Whether it is over.
    package var isOver: Bool { state.withLock { $0.isOver } }
    /// How many steps it made.
    package var steps: Int { state.withLock { $0.steps } }

    /// Returns once it is over, or the caller is cancelled.
    package func ended() async { await over.wait() }

    fileprivate func step(_ work: () async throws(RecordError) -> Void) async throws(RecordError) {
        let isLast = try state.withLock { state throws(RecordError) -> Bool in
            if state.isOver { throw .dead }
            state.steps += 1
            state.isOver = state.steps == last
            return state.isOver
        }
        guard isLast else { return try await work() }
        if end == .afterTheWrite { try await work() }
        over.set()
        throw .dead
    }
}

/// A store as long as a process lives.
package struct MortalStore: RecordStore {
    let life: Life
    let store: any RecordStore

    package init(_ store: any RecordStore, during life: Life) {
        self.life = life
        self.store = store
    }

    package func directory(of sandbox: SandboxID) -> String { store.directory(of: sandbox) }

    package func create(_ record: SandboxRecord) async throws(RecordError) {
        try await life.step { () async throws(RecordError) in try await store.create(record) }
    }

    package func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError) {
        try await life.step { () async throws(RecordError) in try await store.write(record, toSurvive: event) }
    }

    package func remove(_ sandbox: SandboxID) async throws(RecordError) {
        try await life.step { () async throws(RecordError) in try await store.remove(sandbox) }
    }

    package func load() async throws(RecordError) -> LoadedRecords { try await store.load() }
}

/// A cloud as long as a process lives.
package struct MortalCloud: CloudProvider {
    let life: Life
    let cloud: any CloudProvider

    package init(_ cloud: any CloudProvider, during life: Life) {
        self.life = life
        self.cloud = cloud
    }

    package func check(_ requirements: Requirements) throws(ProviderError) { try cloud.check(requirements) }

    package func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation {
        MortalCreation(life: life, creation: cloud.createInstance(for: sandbox, from: spec))
    }

    package func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        if life.isOver { throw .unreachable }
        try await cloud.deleteInstance(id, of: sandbox)
    }

    package func instances() async throws(ProviderError) -> [ListedInstance] {
        if life.isOver { throw .unreachable }
        return try await cloud.instances()
    }
}

/// A creation as long as a process lives.
private struct MortalCreation: InstanceCreation {
    let life: Life
    let creation: any InstanceCreation

    func next() async -> CreationEvent { life.isOver ? .failed(.unreachable) : await creation.next() }
}

extension RecordError {
    fileprivate static let dead = RecordError("the process is dead")
}
