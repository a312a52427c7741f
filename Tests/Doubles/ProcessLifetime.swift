internal import LinuxIO
package import PodVMLifecycle

/// The lifetime of one process, which can end at any step that the process writes to its disk.
///
/// The process reaches its store and its cloud through it: after the end neither gets a call of the process any more, while
/// the process's tasks go on.
package final class ProcessLifetime: Sendable {
    /// Whether the last step is on disk.
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
package struct CrashingStore: RecordStore {
    let lifetime: ProcessLifetime
    let store: any RecordStore

    package init(_ store: any RecordStore, during lifetime: ProcessLifetime) {
        self.lifetime = lifetime
        self.store = store
    }

    package func directory(of sandbox: SandboxID) -> String { store.directory(of: sandbox) }

    package func create(_ record: SandboxRecord) async throws(RecordError) {
        try await lifetime.step { () async throws(RecordError) in try await store.create(record) }
    }

    package func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError) {
        try await lifetime.step { () async throws(RecordError) in try await store.write(record, toSurvive: event) }
    }

    package func remove(_ sandbox: SandboxID) async throws(RecordError) {
        try await lifetime.step { () async throws(RecordError) in try await store.remove(sandbox) }
    }

    package func markStopped(_ sandbox: SandboxID) async throws(RecordError) {
        try await lifetime.step { () async throws(RecordError) in try await store.markStopped(sandbox) }
    }

    package func load() async throws(RecordError) -> LoadedRecords { try await store.load() }
}

/// A cloud as long as a process lives.
package struct CrashingCloud: CloudProvider {
    let lifetime: ProcessLifetime
    let cloud: any CloudProvider

    package init(_ cloud: any CloudProvider, during lifetime: ProcessLifetime) {
        self.lifetime = lifetime
        self.cloud = cloud
    }

    package func check(_ requirements: Requirements) throws(ProviderError) { try cloud.check(requirements) }

    package func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation {
        CrashingCreation(lifetime: lifetime, creation: cloud.createInstance(for: sandbox, from: spec))
    }

    package func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        if lifetime.isOver { throw .unreachable }
        try await cloud.deleteInstance(id, of: sandbox)
    }

    package func instances() async throws(ProviderError) -> [ListedInstance] {
        if lifetime.isOver { throw .unreachable }
        return try await cloud.instances()
    }

    package var scope: CloudScope { cloud.scope }
    package var lateRequestTime: Duration { cloud.lateRequestTime }

    package func leftovers() async throws(ProviderError) -> [Leftover] {
        if lifetime.isOver { throw .unreachable }
        return try await cloud.leftovers()
    }

    package func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {
        if lifetime.isOver { throw .unreachable }
        try await cloud.deleteLeftover(leftover)
    }
}

/// A creation as long as a process lives.
private struct CrashingCreation: InstanceCreation {
    let lifetime: ProcessLifetime
    let creation: any InstanceCreation

    func next() async -> CreationEvent { lifetime.isOver ? .failed(.unreachable) : await creation.next() }
}

extension RecordError {
    fileprivate static let dead = RecordError("the process is dead")
}
