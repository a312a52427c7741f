internal import AgentTunnel
internal import Configuration
internal import LinuxIO
internal import PeerPodProtocol
internal import PodVMBoot
internal import PodVMLifecycle
internal import TTRPC
internal import Telemetry

/// Ties a pod to its VM: boot document, keys, network and tunnel.
///
/// What it knows of a sandbox is in the sandbox's directory, so that any process can go on
/// where another stopped; only the tunnel of agent bytes itself is in memory.
struct AgentConnector: PodConnector {
    /// What all pods of this node have in common.
    struct Options: Sendable {
        let forwarderPort: UInt16
        let security: TunnelSecurity
        /// For pods that bring none of their own.
        let initdata: Initdata?
        let wantsScratchSpace: Bool
        /// Whether a pod may have no network namespace where VMs can be reached from one.
        var allowsPodsWithoutNetwork: Bool
    }

    /// How pods' networks reach the VMs.
    enum Network: Sendable {
        case host(NodeNetworkManager)
        /// They do not, because of this.
        case none(reason: String)

        var host: NodeNetworkManager? { if case .host(let host) = self { host } else { nil } }
    }

    let options: Options
    let tunnels: TunnelManager
    let network: Network
    let loop: EpollLoop
    let logger: Logger

    /// How long the connection that waits for kata may take. Without it, kata's first one takes a little longer.
    private static let spareTime = Duration.seconds(2)

    func prepare(
        _ request: SandboxRequest, in directory: String, vmName: InstanceID
    ) async throws(ConnectorError) -> PreparedPod {
        try PodNamespacePath.check(request.networkNamespacePath)
        let podNetwork = try await podNetwork(of: request, in: directory)
        let files = SandboxFiles(in: directory)
        do {
            // Keys and signatures cost a millisecond of a processor: others are served meanwhile.
            try await ThreadPool.files.run {
                try write(files, for: request, vmName: vmName, podNetwork)
            }
        } catch {
            throw ConnectorError(preparing: error)
        }
        return PreparedPod(agentSocketPath: files.socket)
    }

    /// Makes the sandbox's keys and its boot document, and puts them where they are looked for.
    private func write(
        _ files: SandboxFiles, for request: SandboxRequest, vmName: InstanceID, _ podNetwork: PodNetworkDescription?
    ) throws {
        var document = BootDocument(podName: request.podName, podNamespace: request.podNamespace)
        document.podNetwork = podNetwork
        let keys = try options.security.makeKeys(vmName: vmName.rawValue, for: &document)
        var userData = UserData(document)
        userData.initdata = try request.initdata.map { try Initdata(text: Array($0.utf8)) } ?? options.initdata
        userData.wantsScratchSpace = options.wantsScratchSpace
        try files.write(userData: try userData.encoded())
        try files.write(keys)
    }

    func userData(for sandbox: SandboxID, in directory: String) async throws(ConnectorError) -> String {
        do {
            return try SandboxFiles(in: directory).readUserData()
        } catch {
            throw ConnectorError(
                .failed, "What the VM is to boot with cannot be read: create the pod anew", cause: error)
        }
    }

    func connect(
        _ sandbox: SandboxID, in directory: String, to instance: Instance
    ) async throws(ConnectorError) {
        let obstacle = Lock<AgentProbe.Obstacle?>(nil)
        do {
            let dialer = try dialer(to: instance.addresses.first, SandboxFiles(in: directory))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await network.host?.join(sandbox, to: instance) }
                group.addTask {
                    try await AgentProbe(dialer: dialer, loop: loop).awaitService { latest in
                        obstacle.withLock { $0 = latest }
                    }
                }
                // The first to fail ends the other: an agent is of no use to a pod that has no network.
                defer { group.cancelAll() }
                while try await group.next() != nil {}
            }
            try await open(sandbox, in: directory, dialer)
        } catch let error as ConnectorError {
            throw error
        } catch let fault as AgentProbe.Obstacle {
            throw ConnectorError(fault)
        } catch is CancellationError {
            if let obstacle = obstacle.withLock({ $0 }) { throw ConnectorError(obstacle) }
            throw ConnectorError(.cancelled, "Reaching the agent in the pod VM was called off")
        } catch {
            throw ConnectorError(.failed, "The agent socket cannot be served", cause: error)
        }
    }

    func disconnect(_ sandbox: SandboxID, in directory: String) async {
        network.host?.beginTearDown(sandbox)
        await tunnels.close(sandbox)
        await ThreadPool.files.run { SandboxFiles(in: directory).removeAll() }
    }

    func release(_ sandbox: SandboxID, in directory: String) async throws(ConnectorError) {
        try await network.host?.release(sandbox)
    }

    func lastUse(of sandbox: SandboxID) -> ContinuousClock.Instant? { tunnels.lastUse(of: sandbox) }

    func adopt(_ sandbox: SandboxID, in directory: String) { network.host?.adopt(sandbox, in: directory) }

    /// A sandbox's network at both ends.
    func networkStatus(of summary: SandboxSummary) async -> PodNetworkStatus {
        switch network {
        case .none(let reason): return .with { $0.silence = reason }
        case .host(let host):
            guard let sandbox = try? SandboxID(validating: summary.id) else { return PodNetworkStatus() }
            return await NetworkInspection(sandbox: sandbox, host: host, loop: loop).status {
                directory throws(ConnectorError) in
                try dialer(to: summary.address, SandboxFiles(in: directory))
            }
        }
    }

    /// What the VM is to make of the pod's network; nil where there is none.
    private func podNetwork(
        of request: SandboxRequest, in directory: String
    ) async throws(ConnectorError) -> PodNetworkDescription? {
        if request.networkNamespacePath.isEmpty {
            guard case .host = network, !options.allowsPodsWithoutNetwork else { return nil }
            throw ConnectorError(
                .invalidRequest,
                """
                The pod has no network namespace, so its VM would have no pod network. A pod with hostNetwork: true cannot \
                run in a VM; for other pods, check that containerd or CRI-O has a CNI plugin and that kata's remote hypervisor \
                is configured with disable_new_netns = true. To start pods without a network, give the adaptor \
                -allow-pods-without-network (ALLOW_PODS_WITHOUT_NETWORK).
                """)
        }
        switch network {
        case .host(let host):
            return try await host.prepare(request.id, namespacePath: request.networkNamespacePath, in: directory)
        case .none(let reason):
            logger.warning(
                "A pod's network does not reach its VM", [LogField("sandbox", request.id), LogField("reason", reason)])
            return nil
        }
    }

    private func dialer(to address: String?, _ files: SandboxFiles) throws(ConnectorError) -> Dialer {
        guard let host = address else { throw ConnectorError(.failed, "The cloud gave the VM no address") }
        do {
            let security = try options.security.clientSecurity(try files.readKeys())
            return Dialer(to: .tcp(host: host, port: options.forwarderPort), security: security, on: loop)
        } catch {
            throw ConnectorError(.failed, "The tunnel's keys cannot be used: create the pod anew", cause: error)
        }
    }

    /// Serves the agent socket. A connection waits for kata's first already; it cannot be the one
    /// that the agent was asked on, since kata counts a connection's calls from one.
    private func open(_ sandbox: SandboxID, in directory: String, _ dialer: Dialer) async throws {
        let files = SandboxFiles(in: directory)
        let logger = logger.with("sandbox", sandbox)
        var spare: (any ByteStream)?
        do {
            spare = try await dialer.connect(deadline: .now.advanced(by: Self.spareTime))
        } catch let error as DialError {
            logger.warning("No second connection to the pod VM", [LogField("error", error)])
        }
        do {
            let listener = try Listener.listen(on: .unix(path: files.socket), loop: loop)
            await tunnels.open(
                NodeTunnel(listener, to: dialer, preconnected: spare, on: loop, logger: logger), for: sandbox)
        } catch {
            spare?.close()
            throw error
        }
        do {
            try await ThreadPool.files.run { try files.removeUserData() }
        } catch {
            logger.warning("The boot document stays until the pod is gone", [LogField("error", error)])
        }
    }
}

extension ConnectorError {
    /// What keeps a pod from being prepared.
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

    fileprivate init(_ obstacle: AgentProbe.Obstacle) {
        let code: Code =
            switch obstacle {
            case .unreached(let error): if case .distrust = error.cause { .refused } else { .unreachable }
            case .silent: .unreachable
            case .unwell: .refused
            }
        self.init(code, obstacle.explanation)
    }
}
