internal import Configuration
internal import HTTPTransport
internal import Kubernetes
internal import LinuxIO
internal import PodConnection
internal import PodVMLifecycle
internal import Probes
internal import RemoteHypervisor
internal import Telemetry

/// The configured adaptor: its services, their order, and their end.
struct Daemon: Sendable {
    let configuration: AdaptorConfiguration
    let connectorOptions: AgentConnector.Options
    /// The configured identity; nil if the identity is found at the start.
    let cluster: ClusterIdentity?
    let environment: [String: String]
    let logger: Logger
    let makeCloud: Cloud.Factory
    let proxyTimeout: ProxyTimeout

    /// How long StopVM is served after the tunnels were closed: kata's shim calls it as soon as its connection breaks.
    static let stopVMTime = Duration.seconds(2)
    /// The longest time between two comparisons of the cloud's VMs with the records.
    private static let sweepInterval = Duration.seconds(300)

    /// Serves until a signal comes; returns the exit status.
    ///
    /// Pod VMs stay when the daemon ends: the next process finds them by their records.
    func run(on loop: EpollLoop) async throws -> Int32 {
        let signals = try Signals([Signals.terminate, Signals.interrupt, Signals.hangUp], on: loop)
        Signals.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        let metrics = Metrics()
        ProcessMetrics.register(in: metrics)
        let kubernetes = ClusterConnection.open(
            configuration.cluster, environment, on: loop, logger: logger, metrics: metrics)
        return try await kubernetes.running {
            try await run(signals, kubernetes, metrics, on: loop)
        }
    }

    /// Serves while the connection to the cluster runs.
    private func run(
        _ signals: Signals, _ kubernetes: ClusterConnection, _ metrics: Metrics, on loop: EpollLoop
    ) async throws -> Int32 {
        // Before the hypervisor socket is opened: a second adaptor must not begin to serve.
        guard let lock = try await lockPodsDirectory(signals, metrics, on: loop) else { return 0 }
        defer { withExtendedLifetime(lock) {} }
        kubernetes.serve { lock.hasSuccessor }
        let cluster = try await kubernetes.identity(
            configured: cluster, recordedIn: configuration.podsDirectory)
        logger.info(
            "Pod VMs are tagged with this cluster and this node",
            [
                LogField("cluster", cluster.value), LogField("from", cluster.source.rawValue),
                LogField("node", configuration.cluster.effectiveNodeName),
            ])
        let cloud = try await makeCloud(loop, logger, metrics)
        let outcome: Result<Int32, any Error>
        do {
            let parts = Start(cloud: cloud, lock: lock, cluster: cluster, kubernetes: kubernetes, metrics: metrics)
            outcome = .success(try await serve(parts, signals, on: loop))
        } catch {
            outcome = .failure(error)
        }
        await cloud.end()
        return try outcome.get()
    }

    /// What the services of this node are made from.
    struct Start: Sendable {
        let cloud: Cloud
        let lock: PodsDirectoryLock
        let cluster: ClusterIdentity
        let kubernetes: ClusterConnection
        let metrics: Metrics
    }

    /// Runs the cloud's services, and the node's within their time.
    func serve(_ parts: Start, until stop: Event, on loop: EpollLoop) async throws {
        let cloud = parts.cloud
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in cloud.services { group.addTask { try await service() } }
            group.addTask {
                if configuration.verifiesCloudConfiguration { try await verify(cloud, until: stop) }
                if stop.isSet { return }
                let network = try await cloud.reach.network(configuration.connection.network, logger: logger)
                if stop.isSet { return }
                let node = try await start(parts, network, on: loop)
                ServiceManager.notify("READY=1", environment: environment)
                ProcessMemory.forgetStartUp()
                try await run(node, parts.kubernetes, until: stop, on: loop)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Asks the cloud whether its configuration is usable; stops asking when the daemon has to stop.
    private func verify(_ cloud: Cloud, until stop: Event) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cloud.verify() }
            group.addTask { await stop.wait() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Makes the services, in an order in which no client is accepted before its service is ready.
    private func start(_ parts: Start, _ network: AgentConnector.Network, on loop: EpollLoop) async throws -> Node {
        let (cloud, lock, metrics) = (parts.cloud, parts.lock, parts.metrics)
        var options = connectorOptions
        // The fake Azure's VMs run this project's forwarder, which works without a pod network.
        if cloud.isFake { options.allowsPodsWithoutNetwork = true }
        let gateway = configuration.gateway.tunnels(on: loop, logger: logger)
        let connector = AgentConnector(options: options, network: network, tunnels: gateway, on: loop, logger: logger)
        var lifecycle = configuration.lifecycle
        lifecycle.proxyTimeout = proxyTimeout
        lifecycle.node = configuration.cluster.effectiveNodeName
        lifecycle.cluster = parts.cluster.value
        lifecycle.callersSurviveRestart = gateway != nil
        let supervisor = SandboxSupervisor(
            podsDirectory: configuration.podsDirectory, provider: cloud.provider, connector: connector,
            observer: parts.kubernetes.observer, details: parts.kubernetes.details, loop: loop,
            logger: logger, metrics: metrics, options: lifecycle)
        // Before the records are read: an adaptor with another pods directory and the same socket must not change a record.
        let hypervisor = try HypervisorServer.listen(
            on: configuration.servedSocket,
            serving: HypervisorService.services(of: supervisor, logger: logger) { summary in
                await connector.networkStatus(of: summary)
            }, loop: loop, logger: logger)
        try await supervisor.load()
        let ending = Set(
            supervisor.sandboxes().filter { $0.state == .deleting }.compactMap { try? SandboxID(validating: $0.id) })
        let probes = try ProbeEndpoints.serving(
            hypervisorSocket: configuration.servedSocket, supervisor: supervisor, metrics: metrics,
            features: parts.kubernetes.features, loop: loop
        ).serve(onPort: configuration.probePort, loop: loop, logger: logger)
        connector.register(in: metrics)
        logger.info(
            "Serving", [LogField("socket", configuration.servedSocket), LogField("probes", probes.address)])
        var services: [@Sendable () async throws -> Void] = [
            { await supervisor.run() }, { await supervisor.sweep(every: Self.sweepInterval) },
            { await supervisor.stopAbandoned() }, { await connector.run(excluding: ending) },
            { try await hypervisor.run { lock.hasSuccessor } }, { try await probes.run() },
            { try await ProcessMemory.keepSmall(on: loop) },
        ]
        if let gateway { services.append { await gateway.carryOutStops(by: supervisor) } }
        return Node(
            services: services, supervisor: supervisor, connector: connector,
            closeSocket: { hypervisor.close(isReplaced: lock.hasSuccessor) })
    }

    /// The services of this node's pods.
    private struct Node: Sendable {
        let services: [@Sendable () async throws -> Void]
        let supervisor: SandboxSupervisor
        let connector: AgentConnector
        /// Accepts no more connections on the hypervisor socket, and removes its file.
        let closeSocket: @Sendable () -> Void
    }

    /// Runs every service until `stop`, or until one fails, which ends them all.
    ///
    /// The agent connections end first. StopVM is served for some time after that, so that the shims' reaction is on record
    /// before the process ends.
    private func run(
        _ node: Node, _ kubernetes: ClusterConnection, until stop: Event, on loop: EpollLoop
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in node.services { group.addTask { try await service() } }
            group.addTask {
                await stop.wait()
                node.supervisor.refuseStarts()
                await kubernetes.withdraw()
                if configuration.gateway != .inProcess { try await leave(node) }
                if await node.connector.closeTunnels() > 0 { try await loop.sleep(for: Self.stopVMTime) }
                try await node.supervisor.drain(within: configuration.drainTime)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        logger.info("Stopped; sandboxes and their VMs stay")
    }

    /// Ends this process while the gateway holds the shims' connections.
    ///
    /// The gateway sends the calls in progress to the next adaptor. To end them here would answer them.
    private func leave(_ node: Node) async throws -> Never {
        try await node.supervisor.drain(within: configuration.drainTime)
        node.closeSocket()
        logger.info("Stopped; sandboxes, their VMs and their connections stay")
        Process.exit(with: 0)
    }
}
