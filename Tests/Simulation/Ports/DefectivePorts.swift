internal import PodVMLifecycle

// Ports that break a rule, as a defect of the supervisor would.

struct DefectiveStore: RecordStore {
    let store: SimulatedStore
    let defect: Defect

    func directory(of sandbox: SandboxID) -> String { store.directory(of: sandbox) }
    func create(_ record: SandboxRecord) async throws(RecordError) { try await store.create(record) }
    func remove(_ sandbox: SandboxID) async throws(RecordError) { try await store.remove(sandbox) }
    func markStopped(_ sandbox: SandboxID) async throws(RecordError) { try await store.markStopped(sandbox) }

    func write(_ record: SandboxRecord, toSurvive event: SurvivedEvent) async throws(RecordError) {
        if defect == .noRecord, case .creating = record.state { return }
        try await store.write(record, toSurvive: defect == .noSync ? .processEnd : event)
    }

    func load() async throws(RecordError) -> LoadedRecords {
        var loaded = try await store.load()
        if defect == .deleteAtLoad {
            for index in loaded.records.indices {
                loaded.records[index].state = .deleting(loaded.records[index].state.vm)
            }
        }
        if defect == .forgetDamaged { loaded.unreadable = [:] }
        return loaded
    }
}

struct DefectiveProvider: CloudProvider {
    let provider: SimulatedProvider
    let defect: Defect

    var lateRequestTime: Duration { provider.lateRequestTime }

    func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation {
        provider.createInstance(for: sandbox, from: spec)
    }

    func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError) {
        do {
            try await provider.deleteInstance(id, of: sandbox)
        } catch {
            if defect != .trustFailedDeletion || error.code == .cancelled { throw error }
        }
    }

    func instances() async throws(ProviderError) -> [ListedInstance] {
        let listed = try await provider.instances()
        return switch defect {
        case .noVMID: listed.map { ListedInstance(id: $0.id, tags: $0.tags) }
        case .noUntagged: listed.filter { !$0.tags.isEmpty }
        default: listed
        }
    }

    func leftovers() async throws(ProviderError) -> [Leftover] {
        defect == .noLeftovers ? [] : try await provider.leftovers()
    }

    func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {
        try await provider.deleteLeftover(leftover)
    }
}

struct DefectiveConnector: PodConnector {
    let connector: SimulatedConnector
    let defect: Defect

    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod {
        try await connector.prepare(request, in: directory, vmName: vmName)
    }

    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String {
        if defect == .escape { await Task.detached {}.value }
        return try await connector.userData(for: sandbox, in: directory)
    }

    func connect(
        _ sandbox: SandboxID, in directory: String, to instance: Instance
    ) async throws(ConnectorError) {
        try await connector.connect(sandbox, in: directory, to: instance)
        if defect == .earlyDiscard { await connector.started(sandbox, in: directory) }
    }

    func started(_ sandbox: SandboxID, in directory: String) async {
        await connector.started(sandbox, in: directory)
    }

    func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async {
        await connector.reopen(sandbox, in: directory, to: instance)
    }

    func disconnect(_ sandbox: SandboxID, in directory: String) async {
        await connector.disconnect(sandbox, in: directory)
        if defect == .earlyRelease { try? await connector.release(sandbox, in: directory) }
    }

    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {
        try await connector.release(sandbox, in: directory)
    }

    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { connector.lastUse(of: sandbox) }

    func adopt(_ sandbox: SandboxID, in directory: String) {
        if defect != .noAdoption { connector.adopt(sandbox, in: directory) }
    }
}
