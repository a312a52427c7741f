internal import JSON
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// The shared state of all work on VMs: the client of Azure, clock, options, and tables.
struct AzureContext: Sendable {
    var options: AzureOptions
    var sshPublicKey: String
    let arm: ARMClient
    let resources: AzureResources
    let clock: any LifecycleClock
    let logger: Logger
    let metrics: ProviderMetrics
    let memory: UnavailablePlaces
    let sizes: SizeStore
    let vms = VMTable()
    /// Reads VMs, and their interfaces, for all waiting calls.
    let machines: BatchingReader
    let interfaces: BatchingReader
    let sweeps: ListRateLimit
    let leftoverLists: ListRateLimit
    /// The number of VMs whose power state is watched.
    let watched = Lock(0)
    /// The time from the acceptance of a VM to the address on its interface. Azure may have created the interface
    /// before it answered.
    let addressTime = LatencyEstimate(.zero, atMost: .seconds(10))
    /// The time from the acceptance of a deletion to its end.
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
        memory = UnavailablePlaces(clock: clock)
        self.metrics = ProviderMetrics(metrics, memory: memory)
        sizes = SizeStore(arm, clock: clock, logger: logger, metrics: metrics)
        machines = BatchingReader(.vm, resources, clock: clock)
        interfaces = BatchingReader(.interface, resources, clock: clock)
        sweeps = ListRateLimit(clock: clock)
        leftoverLists = ListRateLimit(clock: clock)
    }

    func logger(of id: InstanceID, _ sandbox: SandboxID) -> Logger {
        logger.with("vm", id).with("sandbox", sandbox)
    }

    /// Records an interface whose name differs from the requested name, so that it is deleted with the VM.
    func note(interface: String, of id: InstanceID) {
        guard interface.lowercased() != VMResources(id).interface else { return }
        vms.update(id) { $0.interface = interface }
    }

    func rest(_ pause: Duration, during operation: String) async throws(CreationFailure) {
        do { try await clock.sleep(for: pause) } catch { throw .cancelled(during: operation) }
    }

    /// The VM now. If many VMs are waited for, one list reads them together.
    func machine(_ id: InstanceID) async throws(CreationFailure) -> VirtualMachine? {
        try await azure { () throws(ARMError) in
            guard let node = try await machines.read(id.rawValue) else { return nil }
            return try resources.read(node, "VM \(id)") { node throws(JSONError) in try VirtualMachine(node) }
        }
    }
}

/// The provider's metrics; the ARM client has its own.
struct ProviderMetrics: Sendable {
    let tries: Counter
    let addressSeconds: Histogram
    let removalSeconds: Histogram

    init(_ metrics: Metrics, memory: UnavailablePlaces) {
        tries = metrics.counter(
            "peerpods_azure_vm_tries_total",
            "Tries to have a VM made in some size and zone: accepted, adopted, or why they failed.", labels: ["outcome"]
        )
        addressSeconds = metrics.histogram(
            "peerpods_azure_vm_address_seconds", "From Azure's acceptance of a VM to its address.")
        removalSeconds = metrics.histogram(
            "peerpods_azure_vm_removal_seconds", "From asking for a VM's deletion to nothing being left of it.")
        metrics.gauge(
            "peerpods_azure_avoided_places", "Sizes, zones and families that are not tried for now, as they failed."
        ) { [weak memory] in memory.map { Double($0.count) } }
    }
}
