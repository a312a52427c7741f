internal import LinuxIO
internal import PacketFilter
internal import PodNetwork
internal import PodVMBoot
internal import PodVMLifecycle
internal import Telemetry

/// Where the node's ends of the pods' networks live: one ``SandboxNetworkController`` a sandbox, from CreateVM until the VM is gone.
///
/// Whose a VXLAN identifier is, the sandboxes' directories say (``SandboxNetworkRecord``). It is written there before
/// the VM can hear of it, and removed before anybody else may have it.
final class NodeNetworkManager: Sendable {
    /// How outer packets leave this node.
    struct Route: Equatable, Sendable {
        /// By which interface; empty is the default route's.
        var interface = ""
        /// Whether the operator has named it. It may then be one for the tunnels alone; the cloud's never is.
        var isOperators = false

        /// What is known of whether it is; nil is to be found out.
        var isDedicated: Bool? { isOperators ? nil : false }
    }

    private struct State {
        var ends: [SandboxID: SandboxNetworkController] = [:]
        /// Whether the last look has found something in the way of every pod.
        var isHindered = false
    }

    private let route: Route
    private let port: Int
    private let podSubnets: [NetPrefix]
    private let networks: PodNetworkExecutor
    private let untracked: UntrackedTunnels
    private let identifiers: TunnelIdentifiers
    private let state = Lock(State())
    private let pool = TaskPool()
    private let logger: Logger

    /// The host of this machine; `interface` is the one that the cloud is reached by, if it is not the default route's.
    ///
    /// - Throws: ``PodNetworkError`` when not even this node's own namespace can be seen.
    convenience init(
        _ settings: NetworkSettings, reachedBy interface: String?, logger: Logger
    ) throws(PodNetworkError) {
        let port = settings.vxlanPort
        self.init(
            settings, reachedBy: interface, networks: try PodNetworkExecutor(logger: logger),
            untracked: UntrackedTunnels(logger: logger) { try UntrackedPeers(port: port) }, logger: logger)
    }

    /// The host of a machine that may be another, for tests.
    init(
        _ settings: NetworkSettings, reachedBy interface: String?, networks: PodNetworkExecutor,
        untracked: UntrackedTunnels,
        logger: Logger
    ) {
        let named = settings.hostInterface
        route = Route(interface: named.isEmpty ? interface ?? "" : named, isOperators: !named.isEmpty)
        port = settings.vxlanPort
        podSubnets = settings.podSubnets.compactMap { NetPrefix($0) }
        self.networks = networks
        self.untracked = untracked
        identifiers = TunnelIdentifiers(from: settings.vxlanMinimumID, port: port, networks: networks, logger: logger)
        self.logger = logger
    }

    /// How many pods have a network, and how many of these are about to lose it.
    var count: Int { state.withLock { $0.ends.count } }

    /// Mends what an earlier process has left to pods, other than those that are `ending` already, and does what is done
    /// in the background, until cancelled.
    func run(besides ending: Set<SandboxID> = []) async {
        let ends = state.withLock { $0.ends }
        for (sandbox, end) in ends {
            for peer in end.network.peers { untracked.note(peer.description, of: sandbox) }
        }
        pool.start { await self.untracked.reconcile() }
        for (sandbox, end) in ends
        where !end.network.peers.isEmpty && !ending.contains(sandbox) {
            pool.start { await self.mend(end, of: sandbox) }
        }
        await pool.run()
    }

    /// Looks, at the start, whether pods can have a network here, and says what is in the way.
    func look() async {
        if let obstacle = await obstacle(isFirst: true) {
            logger.error("Pods get no network, and those that need one fail", [LogField("error", obstacle)])
        }
        do {
            let underlay = try await networks.underlay(named: route.interface, isDedicated: route.isDedicated)
            logger.info(
                "Pods' networks go over an interface of this node",
                [
                    LogField("interface", underlay.interface), LogField("mtu", underlay.mtu),
                    LogField("address", underlay.address(toward: nil)?.description ?? "none"),
                    LogField("isDedicated", underlay.isDedicated), LogField("port", port),
                ])
        } catch is CancellationError {
        } catch {
            logger.error(
                "Pods get no network as long as there is nothing that it could go over", [LogField("error", error)])
        }
    }

    /// Looks at the pod's network, and keeps what its tunnel takes; says what the VM is to make of it.
    func prepare(
        _ sandbox: SandboxID, namespacePath path: String, in directory: String
    ) async throws(ConnectorError) -> PodNetworkDescription {
        if state.withLock({ $0.isHindered }), let obstacle = await obstacle() {
            throw ConnectorError(.failed, "The pod can have no network. \(obstacle)")
        }
        let pod: PodInterface
        let underlay: Underlay
        let identifier: UInt32
        // All at once: each is a thread that asks the kernel.
        async let drawn = identifiers.draw()
        do {
            async let own = inspect(path)
            async let over = networks.underlay(named: route.interface, isDedicated: route.isDedicated)
            pod = try await own
            underlay = try await over
            identifier = try await drawn
        } catch {
            if let identifier = try? await drawn { identifiers.release(identifier) }
            throw ConnectorError(network: error, "Looking for the way to pod VMs", isOfPod: false)
        }
        let end = try keep(
            sandbox, pod, over: underlay, identifier: identifier, namespacePath: path, in: directory)
        do {
            let network = end.network
            // A pod without an address of a family has no use for that family's subnets.
            let families = Set(pod.addresses.map(\.address).filter { !$0.isLinkLocal }.map(\.isVersion6))
            let plan = try GuestNetworkPlan(
                for: pod, over: underlay, identifier: network.identifier, port: port,
                podSubnets: podSubnets.filter { families.contains($0.address.isVersion6) })
            try await end.record()
            return PodNetworkDescription(
                plan, node: network.node, index: identifiers.index(of: network.identifier),
                isDedicated: network.isDedicated)
        } catch {
            throw ConnectorError(network: error, "Planning the pod's network")
        }
    }

    /// Has the pod's packets go to its VM; where the pod has no network, does nothing.
    func join(_ sandbox: SandboxID, to instance: Instance) async throws(ConnectorError) {
        guard let end = end(of: sandbox) else { return }
        let peer = try await end.join(instance.addresses, by: networks, over: route)
        untracked.note(peer.description, of: sandbox)
        pool.start { await self.untracked.settle(peer.description) }
    }

    /// Begins to take a sandbox's end away, and does not wait for it.
    func beginTearDown(_ sandbox: SandboxID) {
        guard let end = end(of: sandbox) else { return }
        end.end()
        pool.start {
            do {
                try await end.tearDown(by: self.networks)
            } catch is CancellationError {
            } catch {
                self.logger.warning(
                    "A pod's network was not taken away; it is tried again once the VM is gone",
                    [LogField("sandbox", sandbox), LogField("error", error)])
            }
        }
    }

    /// Takes away what is still there of a sandbox's end, and gives its identifier back.
    func release(_ sandbox: SandboxID) async throws(ConnectorError) {
        guard let end = end(of: sandbox) else { return }
        end.end()
        do {
            try await end.tearDown(by: networks)
            await untracked.remove(end.network.peers.map(\.description), of: sandbox)
            try await SandboxNetworkRecord.remove(in: end.directory)
        } catch {
            throw ConnectorError(network: error, "Taking the node's end of the pod's network away", isOfPod: false)
        }
        state.withLock { state in
            state.ends[sandbox] = nil
            let identifier = end.network.identifier
            // After a disk that forgot, two may have the same.
            if !state.ends.values.contains(where: { $0.network.identifier == identifier }) {
                identifiers.release(identifier)
            }
        }
    }

    /// Notes what a sandbox of an earlier process has.
    func adopt(_ sandbox: SandboxID, in directory: String) {
        do {
            guard let network = try SandboxNetworkRecord.read(in: directory) else { return }
            identifiers.take(network.identifier)
            state.withLock { $0.ends[sandbox] = SandboxNetworkController(network, in: directory) }
        } catch {
            logger.error(
                """
                What a pod has of the network cannot be read: its end on this node stays until its namespace is gone, and \
                another pod may get its VXLAN identifier, and then fail
                """, [LogField("sandbox", sandbox), LogField("error", error)])
        }
    }

    /// A sandbox's network as it is on record, and where the sandbox's files are; nil for a pod without.
    func record(of sandbox: SandboxID) -> (network: SandboxNetworkRecord, directory: String)? {
        end(of: sandbox).map { ($0.network, $0.directory) }
    }

    /// What is to be there of a sandbox's end, and what is; nil as long as there is to be none.
    func nodeEnd(of sandbox: SandboxID) async throws -> (plan: NodeNetworkPlan, state: NodeNetworkState)? {
        guard let end = end(of: sandbox), let plan = try await end.plan(by: networks, over: route) else { return nil }
        return (plan, try await networks.state(of: plan, in: end.network.namespacePath))
    }

    /// Sends something to the VM, to be counted at both ends.
    func probe(_ sandbox: SandboxID) async throws {
        guard let end = end(of: sandbox), let plan = try await end.plan(by: networks, over: route) else { return }
        try await networks.probe(plan, in: end.network.namespacePath)
    }

    private func end(of sandbox: SandboxID) -> SandboxNetworkController? { state.withLock { $0.ends[sandbox] } }

    private func inspect(_ path: String) async throws(ConnectorError) -> PodInterface {
        do {
            return try await networks.inspect(path)
        } catch {
            throw ConnectorError(network: error, "Looking at the pod's network")
        }
    }

    /// Notes the sandbox's identifier and namespace; if it cannot, the identifier is free again.
    private func keep(
        _ sandbox: SandboxID, _ pod: PodInterface, over underlay: Underlay, identifier: UInt32,
        namespacePath path: String, in directory: String
    ) throws(ConnectorError) -> SandboxNetworkController {
        do throws(ConnectorError) {
            return try note(
                sandbox, pod, over: underlay, identifier: identifier, namespacePath: path, in: directory)
        } catch {
            identifiers.release(identifier)
            throw error
        }
    }

    private func note(
        _ sandbox: SandboxID, _ pod: PodInterface, over underlay: Underlay, identifier: UInt32,
        namespacePath path: String, in directory: String
    ) throws(ConnectorError) -> SandboxNetworkController {
        guard let node = underlay.address(toward: nil) else {
            throw ConnectorError(
                .failed,
                "\(underlay.interface) of this node has no address that a VM could send to: give it one, or name another "
                    + "with -host-interface")
        }
        return try state.withLock { state throws(ConnectorError) in
            if let other = state.ends.first(where: { $0.value.network.namespacePath == path && !$0.value.isEnding }) {
                throw ConnectorError(
                    .invalidRequest,
                    "The network namespace \(path) is that of sandbox \(other.key) already: each pod needs its own")
            }
            let network = SandboxNetworkRecord(
                namespacePath: path, pod: pod, identifier: identifier, port: port, node: node,
                isDedicated: underlay.isDedicated)
            let end = SandboxNetworkController(network, in: directory)
            state.ends[sandbox] = end
            return end
        }
    }

    private func mend(_ end: SandboxNetworkController, of sandbox: SandboxID) async {
        let log = logger.with("sandbox", sandbox)
        do {
            let problems = try await end.mend(by: networks, over: route)
            if !problems.isEmpty {
                log.warning(
                    "The node's end of a pod's network was mended", [LogField("found", problems.joined(separator: " "))]
                )
            }
            guard let peer = end.network.peers.last, !end.isEnding else { return }
            untracked.note(peer.description, of: sandbox)
            await untracked.settle(peer.description)
        } catch is CancellationError {
        } catch  where end.isEnding {
            // Its sandbox goes, and the namespace may have gone before.
        } catch {
            log.warning("The node's end of a pod's network is not as it should be", [LogField("error", error)])
        }
    }

    /// What keeps every pod from having a network, as a sentence; nil if nothing does.
    private func obstacle(isFirst: Bool = false) async -> String? {
        let obstacle = await findObstacle(isFirst: isFirst)
        state.withLock { $0.isHindered = obstacle != nil }
        return obstacle
    }

    private func findObstacle(isFirst: Bool) async -> String? {
        do throws(PodNetworkError) {
            try NetworkCapabilities.ofThisProcess().check()
        } catch {
            return error.description
        }
        // If that cannot be told, a pod's own set-up will.
        guard let others = try? await networks.otherTunnels(on: port) else { return nil }
        if isFirst { for other in others where !other.isExclusive { logger.warning("\(other)") } }
        return others.first(where: \.isExclusive)?.description
    }
}
