internal import Configuration
internal import HTTPTransport
internal import LinuxIO
internal import PodVMLifecycle
internal import RemoteHypervisor
internal import Telemetry

/// The adaptor, once it is configured: its services, and when they end.
struct Daemon: Sendable {
    let configuration: AdaptorConfiguration
    let connectorOptions: AgentConnector.Options
    let cluster: ClusterIdentity
    let environment: [String: String]
    let logger: Logger
    let makeCloud: Cloud.Factory

    /// How long StopVM is served after the tunnels were closed: kata's shim calls it as soon as its connection breaks.
    private static let stopTime = Duration.seconds(2)
    /// How long the services may take to end, StopVM's time included. What is not done by then stays on record.
    private static let shutdownTimeout = stopTime + .seconds(5)
    /// How long after the start it has its first questions to the cloud behind it.
    private static let settlingTime = Duration.seconds(10)
    /// How often the cloud's VMs are compared with the records, at least.
    private static let sweepInterval = Duration.seconds(300)

    /// Serves until a signal comes; returns the exit status.
    ///
    /// Pod VMs stay when it ends: the next process takes them up from their records.
    func run(on loop: EpollLoop) async throws -> Int32 {
        // Before any socket: of two that start at once, the second must not even begin to serve.
        let lock = try PodsDirectoryLock.take(configuration.podsDirectory)
        defer { withExtendedLifetime(lock) {} }
        let signals = try Signals([Signals.terminate, Signals.interrupt], on: loop)
        Signals.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        let metrics = Metrics()
        ProcessMetrics.register(in: metrics)
        logger.info(
            "Pod VMs are tagged with this cluster and this node",
            [
                LogField("cluster", cluster.value), LogField("from", cluster.source.rawValue),
                LogField("node", nodeName),
            ])
        let cloud = try await makeCloud(loop, logger, metrics)
        let outcome: Result<Int32, any Error>
        do {
            outcome = .success(try await serve(cloud, metrics, signals, on: loop))
        } catch {
            outcome = .failure(error)
        }
        await cloud.end()
        return try outcome.get()
    }

    /// Serves until a signal comes; returns the exit status.
    private func serve(
        _ cloud: Cloud, _ metrics: Metrics, _ signals: Signals, on loop: EpollLoop
    ) async throws -> Int32 {
        try dropPrivileges(using: cloud)
        let stop = Event()
        return try await withThrowingTaskGroup(of: Int32?.self) { group in
            group.addTask {
                try await serve(cloud, metrics, until: stop, on: loop)
                return 0
            }
            group.addTask {
                try await handleSignals(signals, stop, on: loop)
                return 1
            }
            defer { group.cancelAll() }
            return try await group.next().flatMap { $0 } ?? 0
        }
    }

    /// Runs the cloud's services, and the node's within their time.
    private func serve(_ cloud: Cloud, _ metrics: Metrics, until stop: Event, on loop: EpollLoop) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in cloud.services { group.addTask { try await service() } }
            group.addTask {
                if configuration.verifiesCloudConfiguration { try await verify(cloud, until: stop) }
                if stop.isSet { return }
                let network = try await network(cloud.reach)
                if stop.isSet { return }
                let node = try await start(cloud, network, metrics, on: loop)
                ServiceManager.notify("READY=1", environment: environment)
                ProcessMemory.forgetStartUp()
                try await run(node, until: stop, on: loop)
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// Asks the cloud whether it can be used as it is configured; gives it up when told to stop.
    private func verify(_ cloud: Cloud, until stop: Event) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await cloud.verify() }
            group.addTask { await stop.wait() }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    /// This node's name, by which it finds its own VMs again: the machine's, outside Kubernetes.
    private var nodeName: String { configuration.nodeName.isEmpty ? SystemInfo.hostName : configuration.nodeName }

    /// How pods' networks reach the cloud's VMs; what is in the way is logged.
    private func network(_ reach: Cloud.Reach) async throws -> AgentConnector.Network {
        switch reach {
        case .network(let interface):
            let host = try NodeNetworkManager(configuration.network, reachedBy: interface, logger: logger)
            await host.look()
            return .host(host)
        case .loopback(let reason):
            logger.warning("Pods' networks do not reach their VMs", [LogField("reason", reason)])
            return .none(reason: reason)
        }
    }

    /// Everything that has to be there before anybody may connect, in an order in which nothing
    /// is served before it is ready.
    private func start(
        _ cloud: Cloud, _ network: AgentConnector.Network, _ metrics: Metrics, on loop: EpollLoop
    ) async throws -> Node {
        let tunnels = TunnelManager(logger: logger)
        var options = connectorOptions
        // The fake's VMs run this project's forwarder, which needs no pod network.
        if cloud.isFake { options.allowsPodsWithoutNetwork = true }
        let connector = AgentConnector(
            options: options, tunnels: tunnels, network: network, loop: loop, logger: logger)
        let supervisor = SandboxSupervisor(
            podsDirectory: configuration.podsDirectory, provider: cloud.provider, connector: connector, loop: loop,
            logger: logger, metrics: metrics,
            options: .init(
                proxyTimeout: configuration.proxyTimeout, node: nodeName, cluster: cluster.value,
                orphanGraceTime: configuration.orphanGraceTime, abandonedTimeout: configuration.abandonedTimeout))
        // Before the records are read: a second adaptor with a pods directory of its own, but this socket, changes none.
        let hypervisor = try HypervisorServer.listen(
            on: configuration.socketPath,
            serving: HypervisorService.services(of: supervisor, logger: logger) { summary in
                await connector.networkStatus(of: summary)
            }, loop: loop, logger: logger)
        try await supervisor.load()
        let ending = Set(
            supervisor.sandboxes().filter { $0.state == .deleting }.compactMap { try? SandboxID(validating: $0.id) })
        let endpoints = ProbeEndpoints(
            hypervisorSocket: configuration.socketPath, supervisor: supervisor, metrics: metrics, loop: loop)
        // Shared, so that a new process may be probed while the old one is still going.
        let probes = try HTTPServer(
            on: try Listener.listen(
                on: .tcp(host: "127.0.0.1", port: UInt16(clamping: configuration.probePort)), loop: loop,
                sharesPort: true),
            loop: loop, logger: logger, handler: endpoints.answer)
        metrics.gauge("peerpods_tunnels", "Agent sockets that are served.") { Double(tunnels.count) }
        if let host = network.host {
            metrics.gauge("peerpods_pod_networks", "Pods that have a VXLAN identifier.") { Double(host.count) }
        }
        logger.info(
            "Serving", [LogField("socket", configuration.socketPath), LogField("probes", probes.address)])
        let services: [@Sendable () async throws -> Void] =
            [
                { await supervisor.run() }, { await supervisor.sweep(every: Self.sweepInterval) },
                { await supervisor.stopAbandoned() }, { await tunnels.run() }, { try await hypervisor.run() },
                { try await probes.run() }, { try await Self.trimMemory(on: loop) },
            ] + (network.host.map { host in [{ await host.run(besides: ending) }] } ?? [])
        return Node(services: services, supervisor: supervisor, tunnels: tunnels)
    }

    /// What serves the node's pods.
    private struct Node: Sendable {
        let services: [@Sendable () async throws -> Void]
        let supervisor: SandboxSupervisor
        let tunnels: TunnelManager
    }

    /// Has memory go back that only the start needed, or a moment with many pods.
    private static func trimMemory(on loop: EpollLoop) async throws {
        var pause = settlingTime
        while true {
            try await loop.sleep(for: pause)
            ProcessMemory.forgetStartUp()
            pause = sweepInterval
        }
    }

    /// Runs every service until `stop`, or until one fails, which ends them all.
    ///
    /// The agent connections end first. StopVM is then served for a moment more, so that the shims' reaction to that is on
    /// record before the process ends.
    private func run(_ node: Node, until stop: Event, on loop: EpollLoop) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in node.services { group.addTask { try await service() } }
            group.addTask {
                await stop.wait()
                node.supervisor.refuseStarts()
                if await node.tunnels.closeAll() > 0 { try await loop.sleep(for: Self.stopTime) }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
        logger.info("Stopped; sandboxes stay on record")
    }

    /// Begins the end with the first signal; returns when a second comes, or the end takes too long.
    private func handleSignals(_ signals: Signals, _ stop: Event, on loop: EpollLoop) async throws {
        let first = try await signals.next()
        logger.info("Stopping", [LogField("signal", Int(first))])
        ServiceManager.notify("STOPPING=1", environment: environment)
        stop.set()
        do {
            let second = try await withDeadline(.now.advanced(by: Self.shutdownTimeout), on: loop) {
                try await signals.next()
            }
            logger.warning("Stopping at once", [LogField("signal", Int(second))])
        } catch is DeadlineExceeded {
            logger.error("Stopping took too long")
        }
        Process.exit(with: 1)
    }
}

/// What a process can say of itself.
private enum ProcessMetrics {
    static func register(in metrics: Metrics) {
        let start = Double(WallTime.now.millisecondsSinceEpoch) / 1000
        metrics.gauge("process_start_time_seconds", "When it started, in Unix time.") { start }
        metrics.gauge("process_resident_memory_bytes", "Resident memory.") {
            SystemInfo.residentBytes(of: ProcessTree.current).map(Double.init)
        }
        metrics.gauge("process_open_fds", "Open descriptors.") { Double(SystemInfo.openDescriptors) }
    }
}
