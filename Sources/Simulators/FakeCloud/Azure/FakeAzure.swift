internal import HTTPTransport
package import LinuxIO
package import Telemetry

/// Azure on one machine: one ``ResourceStore``, and the services over it.
///
///     RequestRouter ──> ResourceManager       /subscriptions/...      ARM requests
///                   ──> TokenEndpoint         /<tenant>/oauth2/...    access tokens
///                   ──> FakeMetadataService   /metadata, /imds        of the node and of the VMs
///                   ──> ControlAPI            /control                scenario and state, for tests
///     Provisioning      creates and deletes the machines of VMs, which a MachineHost runs
///
/// Concurrency: services share the store, whose lock is never held across a suspension. Work that outlives a request,
/// such as the creation of a VM, is a task in `work`.
public final class FakeAzure: Sendable {
    /// The resources and the scenario.
    let store: ResourceStore
    /// All that an adaptor needs to know to use it.
    public let account: FakeAzureAccount
    private let options: FakeAzureOptions
    private let files: StateFiles?
    private let router: RequestRouter
    private let provisioning: Provisioning
    private let work = TaskPool()
    private let listener: Listener
    /// The metadata services speak plain HTTP, so with TLS they have a listener of their own.
    private let metadataListener: Listener
    private let security: ServerSecurity?
    private let loop: EpollLoop
    private let logger: Logger

    /// A fake Azure with the resources of an earlier process; it serves once ``run()`` runs.
    ///
    /// - Throws: ``SystemCallError``, or the error of a file's format, when its files or its address cannot be used.
    package init(
        _ options: FakeAzureOptions, machines: any MachineHost, on loop: EpollLoop, logger: Logger = .silent
    ) throws {
        self.options = options
        self.loop = loop
        self.logger = logger
        files = options.stateDirectory.isEmpty ? nil : try StateFiles(options.stateDirectory)
        let recorder = options.recordingFile.isEmpty ? nil : try Recorder(options.recordingFile)
        store = try ResourceStore(options, files: files, logger: logger)
        let ports = files?.lastPorts ?? []
        listener = try FakeAzure.listen(on: options.listen, lastPort: ports.first, loop)
        metadataListener =
            options.usesTLS
            ? try FakeAzure.listen(on: options.listen.withPort(0), lastPort: ports.dropFirst().first, loop) : listener
        try files?.keep(ports: [listener.address.port, metadataListener.address.port])
        security = options.usesTLS ? try ServerSecurity(options) : nil
        account = FakeAzureAccount(
            options, listener: listener.address, metadata: metadataListener.address, security: security)

        let calls = CallHandler(store: store, recorder: recorder, region: options.region, loop: loop)
        let tokens = TokenEndpoint(options, store: store, calls: calls)
        let metadata = FakeMetadataService(
            options, store: store, calls: calls, tokens: tokens, machines: machines, work: work, on: loop,
            logger: logger)
        provisioning = Provisioning(
            store: store, machines: machines, metadata: metadata, metadataEndpoint: account.metadataEndpoint,
            work: work, on: loop, logger: logger)
        let resources = ResourceManager(
            options, account: account, store: store, calls: calls, tokens: tokens, provisioning: provisioning,
            machines: machines, on: loop, logger: logger)
        router = RequestRouter(
            options: options, endpoint: account.managementEndpoint, resources: resources, tokens: tokens,
            metadata: metadata,
            control: ControlAPI(clientSecret: options.clientSecret, store: store, tokens: tokens))
    }

    /// Listens on the port of the last time if any port is allowed and that one is free.
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

    /// Serves until cancelled; first resumes the work that an earlier process did not finish.
    ///
    /// - Throws: `CancellationError`, or what the listener fails with.
    public func run() async throws {
        var limits = HTTPServer.Limits()
        limits.connections = options.connections
        limits.idleTimeout = .seconds(120)
        limits.bodyBytes = 4 << 20
        let server = try HTTPServer(
            on: listener, loop: loop, limits: limits, tls: security?.tls, logger: logger
        ) { await self.router.answer($0) }
        var plain: HTTPServer?
        if security != nil {
            plain = try HTTPServer(on: metadataListener, loop: loop, limits: limits, logger: logger) {
                await self.router.answerPlain($0)
            }
        }
        let metadataServer = plain
        defer {
            security?.removeFiles()
            // Clients come back to the same ports only while there are resources.
            if store.withContent({ $0.state.isEmpty }) { files?.forgetPorts() }
        }
        provisioning.resume()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await self.work.run() }
            group.addTask { try await server.run() }
            if let metadataServer { group.addTask { try await metadataServer.run() } }
            while try await group.next() != nil {}
        }
    }

    /// The address on which it listens.
    package var address: SocketAddress { listener.address }

    /// Sets the scenario for later calls; work in progress goes on as it began.
    package func direct(_ scenario: AzureScenario) { store.setScenario(scenario) }
}
