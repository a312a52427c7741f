internal import AgentTunnel
internal import LinuxIO
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The VM's daemon: the VM's end of the tunnel, and the changes in the calls that come through it.
struct Forwarder: Sendable {
    private let listener: Listener
    private let tunnel: GuestTunnel
    /// nil: the pod reaches no metadata service.
    private let metadata: PodMetadataRelay?
    private let logger: Logger

    /// The address on which it listens, with the actual port.
    var address: SocketAddress { listener.address }

    /// Listens; ``run()`` serves the clients. Throws the kernel's reason.
    ///
    /// `network` is the VM's end of the pod's network, which the node can query. With a `store`, it continues the
    /// sessions in `kept`, and its own sessions outlive a crash.
    init(
        _ setup: ForwarderSetup, _ options: ForwarderOptions, network: PodVMService.Network? = nil,
        store: (any DescriptorStore)? = nil, kept: KeptDescriptors = KeptDescriptors(), on loop: EpollLoop,
        logger: Logger
    ) throws {
        listener = try Listener.listen(on: options.listen, loop: loop)
        metadata = try setup.metadata.flatMap { endpoint in
            try network.map { network in
                try PodMetadataRelay(
                    in: try NetworkNamespace(opening: network.namespace),
                    at: .tcp(host: "\(GuestNetwork.metadataService)", port: 80), for: endpoint, on: loop, logger: logger
                )
            }
        }
        self.logger = logger
        let frames = HeldFrames()
        let (podNamespace, rules) = (options.podNamespace, options.agentCalls)
        let refusals = RateLimitedLogger(logger)
        let own = PodVMService(network).server(on: loop, logger: logger)
        tunnel = GuestTunnel(
            listener, security: setup.security, agent: .unix(path: options.agentSocket), on: loop, logger: logger,
            protocols: [PodVM.applicationProtocol: { stream in await own.serve(stream) }], store: store, kept: kept
        ) {
            AgentCallRewriter(podNamespace: podNamespace, permitting: rules, holdingIn: frames) {
                refusals.warning($0)
            }
        }
    }

    /// Serves until cancelled.
    func run() async throws {
        guard let metadata else { return try await tunnel.run() }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                do {
                    try await metadata.run()
                } catch is CancellationError {
                } catch {
                    // The pod needs the tunnel, but not the metadata service.
                    logger.error("The pod's metadata service has ended: \(error)")
                }
            }
            defer { group.cancelAll() }
            try await tunnel.run()
        }
    }

    /// Serves until the first of `signals`, then closes all connections and returns. The second signal ends the
    /// process.
    func run(until signals: Signals, environment: [String: String]) async throws {
        let stop = Event()
        ServiceManager.notify("READY=1", environment: environment)
        ProcessMemory.forgetStartUp()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await run(until: stop) }
            group.addTask {
                let number = try await signals.next()
                logger.info("stopping", [LogField("signal", number)])
                ServiceManager.notify("STOPPING=1", environment: environment)
                stop.set()
                _ = try await signals.next()
                Process.exit(with: 1)
            }
            try await group.next()
            group.cancelAll()
        }
    }

    private func run(until stop: Event) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await run() }
            group.addTask { await stop.wait() }
            try await group.next()
            group.cancelAll()
        }
    }
}
