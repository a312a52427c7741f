internal import LinuxIO
internal import PacketFilter
package import PodNetwork
internal import PodVMBoot
internal import PodVMLifecycle
package import Telemetry

/// Manages the node's side of all pods' networks.
///
/// Four types share the work:
/// - `NodeNetworkManager` knows every sandbox that has a network, from CreateVM until the VM is gone.
/// - ``SandboxNetworkController`` runs the operations of one sandbox, one at a time.
/// - ``SandboxNetworkRecord`` is what is on disk of a sandbox. The identifier is there before the VM learns it, and is removed
///   before another sandbox may have it.
/// - `PodNetworkExecutor` makes the kernel's state as planned, off the loop; the VM's forwarder uses it too.
package final class NodeNetworkManager: Sendable {
    private struct State {
        var controllers: [SandboxID: SandboxNetworkController] = [:]
        /// Whether the last check has found an obstacle for every pod.
        var isBlocked = false
    }

    private let route: UnderlayRoute
    private let port: Int
    private let podSubnets: [NetPrefix]
    private let executor: PodNetworkExecutor
    private let untracked: UntrackedTunnels
    private let identifiers: VXLANIdentifierAllocator
    private let state = Lock(State())
    private let pool = TaskPool()
    private let logger: Logger

    /// The manager of this node. `interface` is the interface that the cloud's VMs are reached by, if it is not the default
    /// route's.
    ///
    /// - Throws: ``PodNetworkError`` when this process cannot open its own network namespace.
    package convenience init(
        _ settings: NetworkSettings, reachedBy interface: String?, logger: Logger
    ) throws(PodNetworkError) {
        let port = settings.vxlanPort
        self.init(
            settings, reachedBy: interface, executor: try PodNetworkExecutor(logger: logger),
            untracked: UntrackedTunnels(logger: logger) { try UntrackedPeers(port: port) }, logger: logger)
    }

    /// The manager of the node that `executor` and `untracked` belong to.
    init(
        _ settings: NetworkSettings, reachedBy interface: String?, executor: PodNetworkExecutor,
        untracked: UntrackedTunnels, logger: Logger
    ) {
        route = UnderlayRoute(configured: settings.hostInterface, cloud: interface)
        port = settings.vxlanPort
        podSubnets = settings.podSubnets.compactMap { NetPrefix($0) }
        self.executor = executor
        self.untracked = untracked
        identifiers = VXLANIdentifierAllocator(
            from: settings.vxlanMinimumID, port: port, executor: executor, logger: logger)
        self.logger = logger
    }

    /// The number of pods that have a VXLAN identifier.
    var count: Int { state.withLock { $0.controllers.count } }

    /// Repairs the networks that an earlier process has left, except those of `ending` sandboxes, and does the background
    /// work, until cancelled.
    func run(excluding ending: Set<SandboxID> = []) async {
        let controllers = state.withLock { $0.controllers }
        for (sandbox, controller) in controllers {
            for peer in controller.record.peers { untracked.note(peer.description, of: sandbox) }
        }
        pool.start { await self.untracked.reconcile() }
        for (sandbox, controller) in controllers
        where !controller.record.peers.isEmpty && !ending.contains(sandbox) {
            pool.start { await self.repair(controller, of: sandbox) }
        }
        await pool.run()
    }

    /// Checks at the start whether this node can give pods a network; logs what prevents it.
    package func checkNode() async {
        if let obstacle = await obstacle(isFirst: true) {
            logger.error(
                "No pod can have a network on this node, and CreateVM fails for pods that need one",
                [LogField("error", obstacle)])
        }
        do {
            let underlay = try await executor.underlay(named: route.interface, isDedicated: route.isDedicated)
            logger.info(
                "The pods' tunnels use an interface of this node",
                [
                    LogField("interface", underlay.interface), LogField("mtu", underlay.mtu),
                    LogField("address", underlay.address(toward: nil)?.description ?? "none"),
                    LogField("isDedicated", underlay.isDedicated), LogField("port", port),
                ])
        } catch is CancellationError {
        } catch {
            logger.error(
                "No pod can have a network on this node until there is an interface for the tunnels",
                [LogField("error", error)])
        }
    }

    /// Inspects the pod's network, reserves a VXLAN identifier and writes the record; returns the network as the VM is to set
    /// it up.
    func prepare(
        _ sandbox: SandboxID, namespacePath path: String, in directory: String
    ) async throws(ConnectorError) -> PodNetworkDescription {
        if state.withLock({ $0.isBlocked }), let obstacle = await obstacle() {
            throw ConnectorError(.failed, "The pod cannot have a network on this node. \(obstacle)")
        }
        let pod: PodInterface
        let underlay: Underlay
        let identifier: UInt32
        // Concurrently: each is a thread that asks the kernel.
        async let allocated = identifiers.allocate()
        do {
            async let inspected = inspect(path)
            async let found = executor.underlay(named: route.interface, isDedicated: route.isDedicated)
            pod = try await inspected
            underlay = try await found
            identifier = try await allocated
        } catch {
            if let identifier = try? await allocated { identifiers.release(identifier) }
            throw ConnectorError(network: error, "Finding the node's interface for tunnels", isOfPod: false)
        }
        let controller = try register(
            sandbox, pod, over: underlay, identifier: identifier, namespacePath: path, in: directory)
        do {
            let record = controller.record
            // A pod without an address of an IP family has no use for that family's subnets.
            let families = Set(pod.addresses.map(\.address).filter { !$0.isLinkLocal }.map(\.isVersion6))
            let plan = try GuestNetworkPlan(
                for: pod, over: underlay, identifier: record.identifier, port: port,
                podSubnets: podSubnets.filter { families.contains($0.address.isVersion6) })
            try await controller.writeRecord()
            return PodNetworkDescription(
                plan, node: record.node, index: identifiers.index(of: record.identifier),
                isDedicated: record.isDedicated)
        } catch {
            throw ConnectorError(network: error, "Planning the pod's network")
        }
    }

    /// Sets up the tunnel to the sandbox's VM; does nothing for a pod without a network.
    func connect(_ sandbox: SandboxID, to instance: Instance) async throws(ConnectorError) {
        guard let controller = controller(of: sandbox) else { return }
        let peer = try await controller.connect(to: instance.addresses)
        untracked.note(peer.description, of: sandbox)
        pool.start { await self.untracked.apply(peer.description) }
    }

    /// Begins to remove a sandbox's network from the node, and returns without waiting for it.
    func beginRemoval(_ sandbox: SandboxID) {
        guard let controller = controller(of: sandbox) else { return }
        controller.beginEnding()
        pool.start {
            do {
                try await controller.remove()
            } catch is CancellationError {
            } catch {
                self.logger.warning(
                    "The pod's network was not removed from the node; the adaptor tries again once the VM is gone",
                    [LogField("sandbox", sandbox), LogField("error", error)])
            }
        }
    }

    /// Removes what is left of a sandbox's network on the node, and frees its identifier.
    func release(_ sandbox: SandboxID) async throws(ConnectorError) {
        guard let controller = controller(of: sandbox) else { return }
        controller.beginEnding()
        do {
            try await controller.remove()
            await untracked.remove(controller.record.peers.map(\.description), of: sandbox)
            try await SandboxNetworkRecord.remove(in: controller.directory)
        } catch {
            throw ConnectorError(network: error, "Removing the pod's network from the node", isOfPod: false)
        }
        state.withLock { state in
            state.controllers[sandbox] = nil
            let identifier = controller.record.identifier
            // Two sandboxes may have the same identifier after the disk has lost a record.
            if !state.controllers.values.contains(where: { $0.record.identifier == identifier }) {
                identifiers.release(identifier)
            }
        }
    }

    /// Reads the record of a sandbox that an earlier process has prepared.
    func adopt(_ sandbox: SandboxID, in directory: String) {
        do {
            guard let record = try SandboxNetworkRecord.read(in: directory) else { return }
            identifiers.reserve(record.identifier)
            let controller = SandboxNetworkController(record, in: directory, by: executor, over: route)
            state.withLock { $0.controllers[sandbox] = controller }
        } catch {
            logger.error(
                """
                The sandbox's network record cannot be read. Its tunnel on this node stays until the pod's network namespace \
                is gone. Another pod may get the same VXLAN identifier, and then fails to start
                """, [LogField("sandbox", sandbox), LogField("error", error)])
        }
    }

    /// The controller of a sandbox's network; nil for a pod without one.
    func controller(of sandbox: SandboxID) -> SandboxNetworkController? { state.withLock { $0.controllers[sandbox] } }

    private func inspect(_ path: String) async throws(ConnectorError) -> PodInterface {
        do {
            return try await executor.inspect(path)
        } catch {
            throw ConnectorError(network: error, "Inspecting the pod's network namespace")
        }
    }

    /// Adds the sandbox's controller; if it cannot, the identifier is free again.
    private func register(
        _ sandbox: SandboxID, _ pod: PodInterface, over underlay: Underlay, identifier: UInt32,
        namespacePath path: String, in directory: String
    ) throws(ConnectorError) -> SandboxNetworkController {
        do throws(ConnectorError) {
            guard let node = underlay.address(toward: nil) else {
                throw ConnectorError(
                    .failed,
                    "The tunnel cannot be set up: \(underlay.interface) of this node has no address that a VM could send to. "
                        + "Give it an address, or name another interface with -host-interface")
            }
            let record = SandboxNetworkRecord(
                namespacePath: path, pod: pod, identifier: identifier, port: port, node: node,
                isDedicated: underlay.isDedicated)
            let controller = SandboxNetworkController(record, in: directory, by: executor, over: route)
            try state.withLock { state throws(ConnectorError) in
                let other = state.controllers.first { $0.value.record.namespacePath == path && !$0.value.isEnding }
                if let other {
                    throw ConnectorError(
                        .invalidRequest,
                        "The network namespace \(path) belongs to sandbox \(other.key) already: each pod needs its own")
                }
                state.controllers[sandbox] = controller
            }
            return controller
        } catch {
            identifiers.release(identifier)
            throw error
        }
    }

    private func repair(_ controller: SandboxNetworkController, of sandbox: SandboxID) async {
        let log = logger.with("sandbox", sandbox)
        do {
            let problems = try await controller.repair()
            if !problems.isEmpty {
                log.warning(
                    "The node's side of the pod's network was repaired",
                    [LogField("found", problems.joined(separator: " "))])
            }
            guard let peer = controller.record.peers.last, !controller.isEnding else { return }
            untracked.note(peer.description, of: sandbox)
            await untracked.apply(peer.description)
        } catch is CancellationError {
        } catch  where controller.isEnding {
            // The sandbox ends, and its namespace may be gone already.
        } catch {
            log.warning(
                "The node's side of the pod's network cannot be repaired; 'peerpodctl network' shows its state",
                [LogField("error", error)])
        }
    }

    /// What prevents every pod from having a network, as a sentence; nil if nothing does.
    private func obstacle(isFirst: Bool = false) async -> String? {
        let obstacle = await findObstacle(isFirst: isFirst)
        state.withLock { $0.isBlocked = obstacle != nil }
        return obstacle
    }

    private func findObstacle(isFirst: Bool) async -> String? {
        do throws(PodNetworkError) {
            try NetworkCapabilities.ofThisProcess().check()
        } catch {
            return error.description
        }
        // If the interfaces cannot be listed, the pod's own set-up reports why.
        guard let others = try? await executor.otherTunnels(on: port) else { return nil }
        if isFirst { for other in others where !other.isExclusive { logger.warning("\(other)") } }
        return others.first(where: \.isExclusive)?.description
    }
}
