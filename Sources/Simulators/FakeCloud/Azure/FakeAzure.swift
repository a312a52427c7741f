internal import HTTPTransport
package import LinuxIO
package import Telemetry

/// Azure on one machine: its Resource Manager, its token endpoint and its metadata services, in front of machines
/// that a ``MachineHost`` runs.
///
/// Concurrency: `core` is what calls share, under its lock, which is never held across a wait. What takes time - the
/// making and removing of a VM - is a task in `work`, one at a time for each VM.
public final class FakeAzure: Sendable {
    /// All that is shared.
    struct Core: Sendable {
        var state: AzureState
        var scenario: AzureScenario
        /// The scenario as it was given; empty: it was not given as text.
        var scenarioText: [UInt8] = []
        var faults: FaultInjector
        var throttle = Throttle()
        var tokens = TokenIssuer()
        /// What is under way, by VM.
        var children: [FakeResourceID: TaskPool.Child] = [:]
        /// The metadata services of machines that have one of their own.
        var guestServers: [FakeResourceID: TaskPool.Child] = [:]
        /// How many calls there were, and how many were refused as too many.
        var calls = 0
        var throttled = 0
    }

    let options: FakeAzureOptions
    let machines: any MachineHost
    let loop: EpollLoop
    let logger: Logger
    let core: Lock<Core>
    let work = TaskPool()
    let files: StateFiles?
    let recorder: Recorder?
    private let listener: Listener
    /// Of its own with TLS, which guests' metadata services do not speak.
    private let metadataListener: Listener
    private let security: ServerSecurity?
    private let start = ContinuousClock.now

    /// An Azure that serves once ``run()`` runs, with what an earlier one knew.
    ///
    /// - Throws: ``SystemCallError`` and the like when its files or its address cannot be had.
    package init(
        _ options: FakeAzureOptions, machines: any MachineHost, on loop: EpollLoop, logger: Logger = .silent
    ) throws {
        self.options = options
        self.machines = machines
        self.loop = loop
        self.logger = logger
        files = options.stateDirectory.isEmpty ? nil : try StateFiles(options.stateDirectory)
        recorder = options.recordingFile.isEmpty ? nil : try Recorder(options.recordingFile)
        var state = AzureState(subscription: options.subscriptionID, region: options.region)
        try files?.restore(&state)
        core = Lock(
            Core(state: state, scenario: options.scenario, faults: FaultInjector(options.scenario.faults)))
        let ports = files?.lastPorts ?? []
        listener = try FakeAzure.listen(on: options.listen, lastPort: ports.first, loop)
        metadataListener =
            options.usesTLS
            ? try FakeAzure.listen(on: options.listen.withPort(0), lastPort: ports.dropFirst().first, loop) : listener
        try files?.keep(ports: [listener.address.port, metadataListener.address.port])
        security = options.usesTLS ? try ServerSecurity(options) : nil
    }

    /// Listens where it did the last time, if any port will do and that one is free.
    private static func listen(
        on address: SocketAddress, lastPort: UInt16?, _ loop: EpollLoop
    ) throws -> Listener {
        if let lastPort, address.port == 0,
            let again = try? Listener.listen(on: address.withPort(lastPort), loop: loop)
        {
            return again
        }
        return try Listener.listen(on: address, loop: loop)
    }

    /// Serves until cancelled; first takes up what an earlier process has left half done.
    ///
    /// - Throws: `CancellationError`, or what the listener fails with.
    public func run() async throws {
        var limits = HTTPServer.Limits()
        limits.connections = options.connections
        limits.idleTimeout = .seconds(120)
        limits.bodyBytes = 4 << 20
        let server = try HTTPServer(
            on: listener, loop: loop, limits: limits, tls: security?.tls, logger: logger
        ) { await self.handle($0) }
        var plain: HTTPServer?
        if security != nil {
            plain = try HTTPServer(on: metadataListener, loop: loop, limits: limits, logger: logger) {
                await self.handlePlain($0)
            }
        }
        let metadataServer = plain
        defer {
            security?.removeFiles()
            // Without a resource nobody will come back to ask.
            if core.withLock({ $0.state.isEmpty }) { files?.forgetPorts() }
        }
        resumeWork()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.work.run() }
            group.addTask { try await server.run() }
            if let metadataServer { group.addTask { try await metadataServer.run() } }
            while try await group.next() != nil {}
        }
    }

    /// Where it listens.
    package var address: SocketAddress { listener.address }

    /// What absolute URLs begin with, unless a client calls us by another name.
    var endpoint: String {
        if !options.publicEndpoint.isEmpty { return options.publicEndpoint }
        guard let security, case .tcp(_, let port) = listener.address else { return "http://\(listener.address)" }
        return "https://\(security.name):\(port)"
    }

    /// Where metadata services are.
    var metadataEndpoint: String { "http://\(metadataListener.address)" }

    /// All that an adaptor must be told.
    public var account: FakeAzureAccount {
        let group = "/subscriptions/\(options.subscriptionID)/resourceGroups/\(options.resourceGroup)/providers"
        return FakeAzureAccount(
            subscriptionID: options.subscriptionID, tenantID: options.tenantID, clientID: options.clientID,
            clientSecret: options.clientSecret, resourceGroup: options.resourceGroup, region: options.region,
            subnetID: "\(group)/Microsoft.Network/virtualNetworks/peerpods/subnets/podvms",
            securityGroupID: "\(group)/Microsoft.Network/networkSecurityGroups/podvms",
            imageID: "\(group)/Microsoft.Compute/galleries/peerpods/images/podvm/versions/1.0.0",
            instanceSize: options.instanceSize, authorityHost: endpoint, managementEndpoint: endpoint,
            metadataEndpoint: metadataEndpoint, authorityFile: security?.authorityFile ?? "")
    }

    /// Seconds since the beginning, as the buckets count them.
    func bucketTime(_ scenario: AzureScenario) -> Double {
        let passed = ContinuousClock.now - start
        return (Double(passed.components.seconds) + Double(passed.components.attoseconds) * 1e-18)
            * scenario.throttling.timeScale
    }

    /// Changes what is shared, and keeps the changes.
    func update<Result>(_ body: (inout Core) throws(FakeARMFault) -> Result) throws(FakeARMFault) -> Result {
        let outcome: Swift.Result<Result, FakeARMFault> = core.withLock { core in
            let outcome: Swift.Result<Result, FakeARMFault>
            do throws(FakeARMFault) { outcome = .success(try body(&core)) } catch { outcome = .failure(error) }
            let changes = core.state.takeChanges()
            // Under the lock, so that the files change in the order of the state.
            if let files { for id in changes { files.keep(id, core.state, logger) } }
            return outcome
        }
        return try outcome.get()
    }
}
