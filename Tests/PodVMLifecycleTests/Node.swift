import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import PodVMLifecycle

/// A node as a test has it: a supervisor, and all that it deals with in memory.
struct Node: Sendable {
    let cloud: ScriptedCloud
    let store: MemoryStore
    let connector = ScriptedConnector()
    let namespaces = ScriptedNamespaces()
    let clock = ManualClock()
    let metrics = Metrics()
    let proxyTimeout = ProxyTimeout(.seconds(300))
    let supervisor: SandboxSupervisor

    /// A node of its own, or one that goes on with the disk and the cloud of another.
    init(
        store: MemoryStore = MemoryStore(), cloud: ScriptedCloud = ScriptedCloud(),
        lifetime: ProcessLifetime = ProcessLifetime(),
        logger: Logger = .silent, name: String = "node-1", cluster: String = "test",
        orphanGraceTime: Duration = .seconds(600), abandonedTimeout: Duration = .seconds(60),
        deletionsAtOnce: Int = 16, callersSurvive: Bool = false, observer: any LifecycleObserver = NoObserver(),
        details: any PodDetailsSource = NoDetails()
    ) {
        self.store = store
        self.cloud = cloud
        supervisor = SandboxSupervisor(
            store: CrashingStore(store, during: lifetime), provider: CrashingCloud(cloud, during: lifetime),
            connector: connector, namespaces: namespaces, observer: observer, details: details, clock: clock,
            logger: logger,
            metrics: metrics,
            options: .init(
                proxyTimeout: proxyTimeout, node: name, cluster: cluster, tags: ["team": "blue"],
                orphanGraceTime: orphanGraceTime,
                abandonedTimeout: abandonedTimeout, deletionsAtOnce: deletionsAtOnce,
                callersSurviveRestart: callersSurvive))
    }

    /// Loads, runs the background for as long as `body` takes, and returns when no task is left.
    func run<Value: Sendable>(_ body: @escaping @Sendable (SandboxSupervisor) async throws -> Value) async throws
        -> Value
    {
        try await supervisor.load()
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask {
                await supervisor.run()
                return nil
            }
            group.addTask { try await body(supervisor) }
            defer { group.cancelAll() }
            while let value = try await group.next() { if let value { return value } }
            throw CancellationError()
        }
    }

    /// Returns once `count` calls wait for their turn to decide about the sandbox.
    func queued(_ count: Int, on id: SandboxID) async {
        while supervisor.table.withLock({ $0.entries[id]?.turn.waiting }) != count { await Task.yield() }
    }

    /// Returns once nothing that has begun to end is left.
    func settled() async {
        for ending in supervisor.table.withLock({ $0.entries.values.compactMap(\.teardown) }) {
            await ending.isDone.wait()
        }
    }

    /// Expects that no trace of any sandbox is left anywhere.
    func expectNothingLeft(_ location: SourceLocation = #_sourceLocation) {
        #expect(cloud.machines.isEmpty, sourceLocation: location)
        #expect(store.directories.isEmpty, sourceLocation: location)
        #expect(connector.prepared.isEmpty, sourceLocation: location)
        #expect(connector.connected.isEmpty, sourceLocation: location)
        #expect(connector.kept.isEmpty, sourceLocation: location)
        #expect(supervisor.sandboxes().isEmpty, sourceLocation: location)
    }

    var states: [String] { supervisor.sandboxes().map(\.state.rawValue) }
}

func request(_ id: String, pod: String = "nginx", networkNamespace: String = "") throws -> SandboxRequest {
    SandboxRequest(
        id: try SandboxID(validating: id), podName: pod, podNamespace: "default", networkNamespacePath: networkNamespace
    )
}

/// What `body` fails with, as an RPC would see it.
func failure(_ body: () async throws -> Void) async -> LifecycleError? {
    do {
        try await body()
        return nil
    } catch {
        return error as? LifecycleError
    }
}
