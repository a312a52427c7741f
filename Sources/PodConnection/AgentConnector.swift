internal import AgentHealth
internal import AgentTunnel
package import LinuxIO
package import PeerPodProtocol
internal import PodVMBoot
package import PodVMLifecycle
internal import TTRPC
package import Telemetry

/// Connects pods to their VMs: boot document, keys, network and tunnel.
///
/// What the connector knows of a sandbox is in the sandbox's directory, so that a later process can continue where this one
/// stopped. Only the tunnel of agent bytes is in memory.
package struct AgentConnector: PodConnector {
    /// What all pods of this node have in common; ``PodConnectionSettings/options()`` makes it.
    package struct Options: Sendable {
        let forwarderPort: UInt16
        let security: TunnelSecurity
        /// Initdata for pods that bring none.
        let initdata: Initdata?
        /// Whether a pod's initdata must be such that a guest can read it.
        let checksInitdata: Bool
        let wantsScratchSpace: Bool
        /// Whether pods without a network namespace start although the VMs can be reached from one.
        package var allowsPodsWithoutNetwork: Bool
        /// Whether the node answers health checks of a VM that is out of reach.
        package let answersHealth: Bool
    }

    /// How pods' networks reach the VMs.
    package enum Network: Sendable {
        /// By VXLAN tunnels.
        case vxlan(NodeNetworkManager)
        /// Not at all, because of `reason`.
        case none(reason: String)

        var manager: NodeNetworkManager? { if case .vxlan(let manager) = self { manager } else { nil } }
    }

    let options: Options
    let tunnels: any TunnelHost
    let network: Network
    let loop: EpollLoop
    let logger: Logger

    /// A connector; ``run(excluding:)`` has to run beside it. nil for `tunnels`: this process serves the agent sockets.
    package init(
        options: Options, network: Network, tunnels: (any TunnelHost)? = nil, on loop: EpollLoop, logger: Logger
    ) {
        self.options = options
        self.network = network
        self.loop = loop
        self.logger = logger
        self.tunnels =
            tunnels ?? LocalTunnels(tunnels: NodeTunnels(on: loop, logger: logger, responder: options.responder))
    }

    /// Carries the tunnels and does the background work on the pods' networks, until cancelled; then all tunnels are closed.
    ///
    /// At the start it repairs the networks that an earlier process has left, except those of `ending` sandboxes.
    package func run(excluding ending: Set<SandboxID>) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await tunnels.run() }
            if let manager = network.manager { group.addTask { await manager.run(excluding: ending) } }
        }
    }

    /// Closes the tunnels that end with this process, and their connections; returns how many tunnels there were.
    package func closeTunnels() async -> Int { await tunnels.closeAll() }

    /// Adds the connector's gauges to `metrics`.
    package func register(in metrics: Metrics) {
        metrics.gauge("peerpods_tunnels", "Agent sockets that are served.") { Double(tunnels.count) }
        tunnels.register(in: metrics)
        guard let manager = network.manager else { return }
        metrics.gauge("peerpods_pod_networks", "Pods that have a VXLAN identifier.") { Double(manager.count) }
    }

    /// Makes the sandbox's keys and boot document, and reserves its VXLAN identifier.
    package func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod {
        let podNetwork = try await podNetwork(of: request, in: directory)
        let files = SandboxFiles(in: directory)
        do {
            // Keys and signatures take a millisecond of processor time; the loop serves others meanwhile.
            try await ThreadPool.files.run {
                try write(files, for: request, vmName: vmName, podNetwork)
            }
        } catch {
            throw ConnectorError(preparing: error)
        }
        return PreparedPod(
            agentSocketPath: files.socket,
            vni: podNetwork.flatMap { $0.vxlanID > 0 ? UInt32(exactly: $0.vxlanID) : nil })
    }

    /// Makes the sandbox's keys and boot document, and writes them to its directory.
    private func write(
        _ files: SandboxFiles, for request: SandboxRequest, vmName: InstanceID, _ podNetwork: PodNetworkDescription?
    ) throws {
        var document = BootDocument(podName: request.podName, podNamespace: request.podNamespace)
        document.podNetwork = podNetwork
        let keys = try options.security.makeKeys(vmName: vmName.rawValue, for: &document)
        var userData = UserData(document)
        userData.initdata = try initdata(of: request)
        userData.registryCredentials = request.registryCredentials?.reveal()
        userData.wantsScratchSpace = options.wantsScratchSpace
        try files.write(userData: try userData.encoded())
        try files.write(keys)
    }

    /// The pod's initdata, or that of the node's settings.
    private func initdata(of request: SandboxRequest) throws(BootError) -> Initdata? {
        guard let text = request.initdata else { return options.initdata }
        let initdata = try Initdata(text: Array(text.utf8))
        if options.checksInitdata { _ = try InitdataContent(initdata) }
        return initdata
    }

    /// Reads the boot document that ``prepare(_:in:vmName:)`` wrote.
    package func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String {
        do {
            return try SandboxFiles(in: directory).readUserData()
        } catch {
            throw ConnectorError(
                .failed, "The VM's boot document cannot be read: delete the pod and create it again", cause: error)
        }
    }

    /// Sets up the node's side of the pod's network while dialing the agent; serves the agent socket once the agent answers.
    package func connect(
        _ sandbox: SandboxID, in directory: String, to instance: Instance
    ) async throws(ConnectorError) {
        let obstacle = Lock<AgentProbe.Obstacle?>(nil)
        do {
            let plan = try plan(to: instance.addresses.first, SandboxFiles(in: directory))
            let dialer = try dialer(by: plan)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await network.manager?.connect(sandbox, to: instance) }
                group.addTask {
                    try await AgentProbe(dialer: dialer, loop: loop).awaitService { latest in
                        obstacle.withLock { $0 = latest }
                    }
                }
                // The first to fail ends the other: a pod without its network cannot use its agent.
                defer { group.cancelAll() }
                while try await group.next() != nil {}
            }
            try await tunnels.open(plan, for: sandbox)
        } catch let error as ConnectorError {
            throw error
        } catch let fault as AgentProbe.Obstacle {
            throw ConnectorError(fault)
        } catch is CancellationError {
            if let obstacle = obstacle.withLock({ $0 }) { throw ConnectorError(obstacle) }
            throw ConnectorError(.cancelled, "Connecting to the agent in the pod VM was cancelled")
        } catch {
            throw ConnectorError(.failed, "The agent socket cannot be served", cause: error)
        }
    }

    /// Removes the boot document, which has the VM's key. A failure is logged.
    package func started(_ sandbox: SandboxID, in directory: String) async {
        do {
            try await ThreadPool.files.run { try SandboxFiles(in: directory).removeUserData() }
        } catch {
            logger.warning(
                "The boot document cannot be removed; it stays until the sandbox is deleted",
                [LogField("sandbox", sandbox), LogField("error", error)])
        }
    }

    /// Listens on the agent socket of a sandbox of an earlier process. A failure is logged.
    package func reopen(_ sandbox: SandboxID, in directory: String, to instance: Instance) async {
        do {
            let plan = try plan(to: instance.addresses.first, SandboxFiles(in: directory))
            try await tunnels.reopen(plan, for: sandbox)
        } catch {
            logger.error(
                "The agent socket cannot be served again, and the pod's agent cannot be reached; delete the pod",
                [LogField("sandbox", sandbox), LogField("error", error)])
        }
    }

    /// Closes the tunnel, begins to remove the network, and removes the keys.
    package func disconnect(_ sandbox: SandboxID, in directory: String) async {
        network.manager?.beginRemoval(sandbox)
        await tunnels.close(sandbox, because: "the sandbox is stopped")
        await ThreadPool.files.run { SandboxFiles(in: directory).removeAll() }
    }

    /// Removes what is left of the network, and frees the VXLAN identifier.
    package func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {
        try await network.manager?.release(sandbox)
    }

    /// When a client was last connected to the sandbox's agent socket.
    package func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { tunnels.lastUse(of: sandbox) }

    /// Waits for the gateway, if there is one.
    package func callersReachable() async { await tunnels.callersReachable() }

    /// Reads the network record that an earlier process wrote.
    package func adopt(_ sandbox: SandboxID, in directory: String) { network.manager?.adopt(sandbox, in: directory) }

    /// The state of a sandbox's network, on the node and in the VM.
    package func networkStatus(of summary: SandboxSummary) async -> PodNetworkStatus {
        switch network {
        case .none(let reason): return .with { $0.silence = reason }
        case .vxlan(let manager):
            guard let sandbox = try? SandboxID(validating: summary.id) else { return PodNetworkStatus() }
            return await NetworkInspection(sandbox: sandbox, manager: manager, loop: loop).status {
                directory throws(ConnectorError) in
                try dialer(by: plan(to: summary.address, SandboxFiles(in: directory)))
            }
        }
    }

    /// The pod's network as the boot document describes it; nil for a pod without one.
    private func podNetwork(
        of request: SandboxRequest, in directory: String
    ) async throws(ConnectorError) -> PodNetworkDescription? {
        if request.networkNamespacePath.isEmpty {
            guard case .vxlan = network, !options.allowsPodsWithoutNetwork else { return nil }
            throw ConnectorError(
                .invalidRequest,
                """
                The pod has no network namespace, so its VM would have no pod network. A pod with hostNetwork: true cannot \
                run in a VM. For other pods, check that containerd or CRI-O has a CNI plugin, and that kata's remote \
                hypervisor is configured with disable_new_netns = true. To start pods without a network, set the adaptor's \
                -allow-pods-without-network (ALLOW_PODS_WITHOUT_NETWORK).
                """)
        }
        switch network {
        case .vxlan(let manager):
            return try await manager.prepare(request.id, namespacePath: request.networkNamespacePath, in: directory)
        case .none(let reason):
            logger.warning(
                "The pod's network does not reach its VM",
                [LogField("sandbox", request.id), LogField("reason", reason)])
            return nil
        }
    }

    private func plan(to address: String?, _ files: SandboxFiles) throws(ConnectorError) -> TunnelPlan {
        guard let host = address else {
            throw ConnectorError(.failed, "The pod VM has no address: the cloud reported none")
        }
        do {
            return TunnelPlan(
                socketPath: files.socket, forwarder: .tcp(host: host, port: options.forwarderPort),
                credentials: options.security.credentials(try files.readKeys()))
        } catch {
            throw ConnectorError(unusableKeys: error)
        }
    }

    private func dialer(by plan: TunnelPlan) throws(ConnectorError) -> Dialer {
        do {
            return try plan.dialer(on: loop)
        } catch {
            throw ConnectorError(unusableKeys: error)
        }
    }
}

extension AgentConnector.Options {
    /// Makes what answers health checks while a VM is out of reach.
    fileprivate var responder: NodeTunnel.ResponderFactory {
        let answers = answersHealth
        return { answers ? HealthResponder() : nil }
    }
}

extension ConnectorError {
    /// Why a pod cannot be prepared.
    fileprivate init(preparing error: any Error) {
        switch error {
        case let error as BootError: self.init(.invalidRequest, "\(error)")
        case is FileError, is SystemCallError:
            let isOutOfSpace = (error as? SystemCallError)?.isOutOfSpace == true
            self.init(
                isOutOfSpace ? .resourceExhausted : .failed, "The pod's files cannot be written: \(error)",
                cause: error)
        default: self.init(.failed, "The tunnel's keys cannot be made: \(error)", cause: error)
        }
    }

    fileprivate init(unusableKeys error: any Error) {
        self.init(.failed, "The tunnel's keys cannot be used: delete the pod and create it again", cause: error)
    }

    fileprivate init(_ obstacle: AgentProbe.Obstacle) {
        let code: Code =
            switch obstacle {
            case .unreached(let error): if case .distrust = error.cause { .refused } else { .unreachable }
            case .unanswered: .unreachable
            case .notServing: .refused
            }
        self.init(code, obstacle.explanation)
    }
}
