internal import AzureProvider
internal import Configuration
internal import Controller
internal import Encoding
internal import HTTPTransport
internal import Kubernetes
internal import LinuxIO
internal import PodVMLifecycle
internal import ProcessHardening
internal import Telemetry

/// The configured controller: its services, their order, and their end.
struct ControllerDaemon: Sendable {
    /// The longest time for the end of the services and the release of the Lease.
    private static let shutdownTimeout = Duration.seconds(20)
    /// The pause between two tries to read the cluster's identity.
    private static let identityPause = Duration.seconds(5)

    let configuration: ControllerConfiguration
    let listen: SocketAddress
    let environment: [String: String]
    let logger: Logger

    init(
        _ configuration: ControllerConfiguration, listen: SocketAddress, _ environment: [String: String], logger: Logger
    ) {
        self.configuration = configuration
        self.listen = listen
        self.environment = environment
        self.logger = logger
    }

    /// What the services are made from.
    struct Parts: Sendable {
        let client: KubernetesClient
        let election: LeaderElection
        let provider: AzureProvider
        let own: OwnPlace
        let clock: LoopClock
        let metrics: Metrics
        /// The collector, once the cluster's identity is known.
        let collector = Lock<OrphanCollector?>(nil)
    }

    /// Serves until a signal comes. The Lease is released at an orderly end.
    func run(on loop: EpollLoop) async throws {
        let signals = try Signals([Signals.terminate, Signals.interrupt], on: loop)
        Signals.ignoreBrokenPipes()
        SystemInfo.raiseDescriptorLimit()
        // While this process has one thread.
        try Hardening.controller.apply(configuration.systemCallFilter, logger: logger)
        let metrics = Metrics()
        ProcessMetrics.register(in: metrics)
        let access = try ClusterAccess(
            environment: environment, directory: configuration.serviceAccountDirectory)
        let (kubernetes, azure) = try (client(for: access, on: loop), client(on: loop))
        let parts = try makeParts(access, kubernetes, azure, metrics, on: loop)
        let webhook = try makeWebhook(parts, on: loop)
        let status = try statusServer(parts, webhook, on: loop)
        let stop = Event()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await kubernetes.run() }
            group.addTask { try await azure.run() }
            group.addTask { try await status.run() }
            group.addTask { try await self.handle(signals, stop, on: loop) }
            if let webhook { group.addTask { try await webhook.run() } }
            group.addTask { await self.lead(parts, webhook, until: stop) }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func makeParts(
        _ access: ClusterAccess, _ kubernetes: HTTPClient, _ azure: HTTPClient, _ metrics: Metrics, on loop: EpollLoop
    ) throws -> Parts {
        let clock = LoopClock(loop: loop)
        let client = KubernetesClient(access, sender: kubernetes, clock: clock, logger: logger, metrics: metrics)
        let claims = client.claims
        func first(_ texts: String?...) -> String { texts.compactMap(\.self).first { !$0.isEmpty } ?? "" }
        let own = OwnPlace(
            node: first(configuration.nodeName, claims?.nodeName),
            namespace: first(configuration.namespace, claims?.namespace),
            podUID: claims?.podUID ?? "")
        guard !own.namespace.isEmpty else {
            throw ConfigurationError("the namespace of the Lease is not known: set -namespace (POD_NAMESPACE)")
        }
        // As client-go makes it: two processes never have the same identity, also not in one pod.
        let identity = first(claims?.podName, environment["POD_NAME"], SystemInfo.hostName) + "_" + UUID4.random()
        let election = LeaderElection(
            KubernetesClient(
                access, sender: kubernetes, clock: clock, logger: logger, metrics: metrics,
                limits: LeaderElection.limits(for: configuration.timing)),
            lease: configuration.lease, in: own.namespace, identity: identity, timing: configuration.timing,
            clock: clock,
            logger: logger, metrics: metrics)
        logger.info(
            "Using the API server of Kubernetes",
            [LogField("server", access.endpoint), LogField("identity", identity), LogField("node", own.node)])
        // The controller creates no VMs, so it needs no key for them.
        let provider = try AzureProvider(
            configuration.azure, sender: azure, sshPublicKey: "", on: loop, logger: logger, metrics: metrics)
        return Parts(
            client: client, election: election, provider: provider, own: own, clock: clock, metrics: metrics)
    }

    private func client(for access: ClusterAccess, on loop: EpollLoop) throws -> HTTPClient {
        var options = HTTPClient.Options()
        options.environment = environment
        options.authorityFile = access.authorityFile
        options.userAgent = "cloud-api-adaptor-controller"
        options.connectTimeout = .seconds(5)
        return try HTTPClient(options, on: loop, logger: logger)
    }

    private func client(on loop: EpollLoop) throws -> HTTPClient {
        var options = HTTPClient.Options()
        options.environment = environment
        if !configuration.azure.authorityFile.isEmpty { options.authorityFile = configuration.azure.authorityFile }
        options.userAgent = "cloud-api-adaptor-controller/\(ProjectVersion.text)"
        return try HTTPClient(options, on: loop, logger: logger)
    }

    private func statusServer(_ parts: Parts, _ webhook: ControllerWebhook?, on loop: EpollLoop) throws -> HTTPServer {
        let endpoints = ControllerEndpoints(
            metrics: parts.metrics,
            orphans: {
                guard parts.election.mayLead, let collector = parts.collector.withLock({ $0 }) else {
                    return .failure(.init(leader: parts.election.leader))
                }
                return .success(collector.report)
            }, obstacle: { webhook?.obstacle })
        let server = try HTTPServer(
            on: try Listener.listen(on: listen, loop: loop), loop: loop, logger: logger, handler: endpoints.answer)
        logger.info("Serving", [LogField("address", server.address)])
        return server
    }

    /// Collects orphans whenever this replica leads, until `stop`.
    private func lead(_ parts: Parts, _ webhook: ControllerWebhook?, until stop: Event) async {
        guard let cluster = await clusterIdentity(parts, until: stop) else { return }
        let collector = OrphanCollector(
            cloud: AzureControllerCloud(provider: parts.provider),
            cluster: KubernetesControllerCluster(reader: ClusterReader(parts.client)),
            rules: OrphanRules(cluster: cluster), seenFrom: parts.own, options: configuration.collection,
            clock: parts.clock, logger: logger, metrics: parts.metrics)
        parts.collector.withLock { $0 = collector }
        let election = parts.election
        await election.run(until: stop) {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await collector.run { election.mayLead } }
                if let webhook { group.addTask { await webhook.keepCertificates { election.mayLead } } }
                await group.waitForAll()
            }
        }
    }

    /// The identity in the tags of this cluster's VMs; nil if the controller has to stop before it is known.
    private func clusterIdentity(_ parts: Parts, until stop: Event) async -> String? {
        if !configuration.clusterID.isEmpty { return configuration.clusterID }
        return await withTaskGroup(of: String?.self) { group in
            group.addTask { await self.readClusterIdentity(parts) }
            group.addTask {
                await stop.wait()
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
    }

    private func readClusterIdentity(_ parts: Parts) async -> String? {
        while !Task.isCancelled {
            do throws(KubernetesError) {
                let uid = try await ClusterReader(parts.client).uid(of: ObjectName(.namespaces, "kube-system"))
                if let uid, ClusterIdentity.isValid(uid) {
                    logger.info(
                        "The cluster's identity is the UID of the namespace kube-system", [LogField("cluster", uid)])
                    return uid
                }
                logger.error("The namespace kube-system has no usable UID; trying again")
            } catch {
                if error.kind == .cancelled { return nil }
                logger.error("The cluster's identity cannot be read; trying again", [LogField("error", error)])
            }
            do { try await parts.clock.sleep(for: Self.identityPause) } catch { return nil }
        }
        return nil
    }

    /// Stops the services at the first signal. Exits at once at a second one, or when stopping exceeds its timeout.
    private func handle(_ signals: Signals, _ stop: Event, on loop: EpollLoop) async throws {
        let signal = try await signals.next()
        logger.info("Stopping", [LogField("signal", Int(signal))])
        stop.set()
        do {
            _ = try await withDeadline(.now.advanced(by: Self.shutdownTimeout), on: loop) { try await signals.next() }
            logger.warning("Exiting at once because of a second signal")
        } catch is DeadlineExceeded {
            logger.error("Exiting at once: stopping has exceeded its timeout")
        }
        Process.exit(with: 1)
    }
}
