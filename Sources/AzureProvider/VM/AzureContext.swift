internal import JSON
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// What all work on VMs shares: Azure, time, memory, and what is configured.
struct AzureContext: Sendable {
    let options: AzureOptions
    let sshPublicKey: String
    let arm: ARMClient
    let resources: AzureResources
    let clock: any LifecycleClock
    let logger: Logger
    let metrics: ProviderMetrics
    let memory: FailureMemory
    let sizes: SizeStore
    let vms = VMTable()
    /// Reads VMs, and their interfaces, for all who wait.
    let machines: BatchingReader
    let interfaces: BatchingReader
    let sweeps: ListRateLimit
    /// How many VMs are watched for their power state.
    let watched = Lock(0)
    /// From the acceptance of a VM to the address on its interface, which Azure may have made before it answered.
    let addressTime = LatencyEstimate(.zero, atMost: .seconds(10))
    /// From the acceptance of a deletion to its end.
    let removalTime = LatencyEstimate(.milliseconds(500), atMost: .seconds(60))

    init(
        _ options: AzureOptions, arm: ARMClient, sshPublicKey: String, clock: any LifecycleClock, logger: Logger,
        metrics: Metrics
    ) {
        self.options = options
        self.sshPublicKey = sshPublicKey
        self.arm = arm
        self.clock = clock
        self.logger = logger
        resources = AzureResources(arm: arm)
        memory = FailureMemory(clock: clock)
        self.metrics = ProviderMetrics(metrics, memory: memory)
        sizes = SizeStore(arm, clock: clock, logger: logger, metrics: metrics)
        machines = BatchingReader(.vm, resources, clock: clock)
        interfaces = BatchingReader(.interface, resources, clock: clock)
        sweeps = ListRateLimit(clock: clock)
    }

    func logger(of id: InstanceID, _ sandbox: SandboxID) -> Logger {
        logger.with("vm", id).with("sandbox", sandbox)
    }

    /// Remembers an interface that is not named as was asked for, so that it is not left behind.
    func note(interface: String, of id: InstanceID) {
        guard interface.lowercased() != VMResources(id).interface else { return }
        vms.update(id) { $0.interface = interface }
    }

    func rest(_ pause: Duration, during operation: String) async throws(CreationFailure) {
        do { try await clock.sleep(for: pause) } catch { throw .cancelled(during: operation) }
    }

    /// The VM now, read with others' if many are waited for.
    func machine(_ id: InstanceID) async throws(CreationFailure) -> VirtualMachine? {
        try await azure { () throws(ARMError) in
            guard let node = try await machines.read(id.rawValue) else { return nil }
            return try resources.read(node, "VM \(id)") { node throws(JSONError) in try VirtualMachine(node) }
        }
    }
}
