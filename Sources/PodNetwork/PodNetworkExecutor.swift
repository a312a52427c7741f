package import LinuxIO
public import Telemetry

/// The pods' networks of one host: its ends of their tunnels.
///
/// Netlink blocks, sometimes for tens of milliseconds (the kernel's grace periods), so each call is made on a thread of
/// its own, and the caller's loop goes on. A call that has begun is not cancelled; one that waits for its turn is. Calls
/// for one namespace come one after the other, in the order they were made: a teardown ends what a set-up began.
public final class PodNetworkExecutor: Sendable {
    private let host: NetworkNamespace
    private let semaphore: AsyncSemaphore
    private let queues = Queues()
    private let gate: NetlinkGate
    private let logger: Logger

    /// The networks of the host that this process is in; `parallel` calls are made at once.
    public convenience init(parallel: Int = 20, logger: Logger) throws(PodNetworkError) {
        let host: NetworkNamespace
        do throws(NetworkNamespace.Failure) {
            host = try .ofThisProcess()
        } catch {
            throw PodNetworkError(error, "The adaptor needs /proc.")
        }
        self.init(in: host, parallel: parallel, logger: logger)
    }

    /// The networks of the host whose own namespace is `host`.
    package init(
        in host: NetworkNamespace, parallel: Int = 20, gate: NetlinkGate = .open, logger: Logger = .silent
    ) {
        self.host = host
        semaphore = AsyncSemaphore(parallel)
        self.gate = gate
        self.logger = logger
    }

    /// What the CNI has made in the namespace at `path`.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func inspect(_ path: String) async throws -> PodInterface {
        try await offLoop(path) { networks in
            try Inspector.pod(try NetlinkSocket.open(in: try networks.pod(path), path, gate: networks.gate))
        }
    }

    /// The interface for outer packets: the one named, or, if that is empty, that of the default route; with the MTU of
    /// the way to `peer`, if there is one. Who knows whether the one named is the tunnels' alone says so (`isDedicated`), and
    /// spares looking for the default route's.
    ///
    /// - Throws: ``PodNetworkError`` (`noPrimaryInterface` while there is none yet), or `CancellationError`.
    public func underlay(
        named name: String = "", toward peer: NetAddress? = nil, isDedicated: Bool? = nil
    ) async throws -> Underlay {
        try await offLoop { networks in
            try Inspector.underlay(try networks.hostSocket(), named: name, toward: peer, isDedicated: isDedicated)
        }
    }

    /// Who else has VXLAN interfaces on `port` here.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func otherTunnels(on port: Int) async throws -> [OtherTunnel] {
        try await offLoop { networks in try networks.hostSocket().links().compactMap { OtherTunnel($0, port: port) } }
    }

    /// Whether no VXLAN interface of this host, in whatever namespace, has `identifier` on `port`.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func isFree(_ identifier: UInt32, port: Int) async throws -> Bool {
        try await offLoop { networks in try networks.hostSocket().isFree(identifier, port: port) }
    }

    /// Makes the node's end of a pod's network in the namespace at `path`, or what is missing of it.
    ///
    /// If it fails, what it has made is gone again.
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func setUp(_ plan: NodeNetworkPlan, in path: String) async throws {
        try await offLoop(path) { networks in
            try NodeNetworkSetup(node: networks.host, home: try networks.pod(path), gate: networks.gate).setUp(plan)
        }
        logger.debug(
            "node end of the pod's network is up", [LogField("namespace", path), LogField("tunnel", plan.tunnel)])
    }

    /// What is there of the node's end that `plan` is about, with counters at each hop and what is wrong.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func state(of plan: NodeNetworkPlan, in path: String) async throws -> NodeNetworkState {
        try await offLoop(path) { networks in
            let inner = try NetlinkSocket.open(in: try networks.pod(path), path, gate: networks.gate)
            return try NodeNetworkState(of: plan, inner, outer: try networks.hostSocket())
        }
    }

    /// Sends something to the VM through the tunnel that `plan` is about, to be counted at its other end.
    ///
    /// A broadcast from the pod's own address: to the VM, who has that address too, it is a stray, and goes no further.
    /// - Throws: ``PodNetworkError`` if the tunnel is not there or takes nothing, or `CancellationError`.
    public func probe(_ plan: NodeNetworkPlan, in path: String) async throws {
        try await probe([.broadcast], by: NodeNetworkPlan.tunnelInterface, in: path)
    }

    /// Sends something from the pod to its gateways through the tunnel, to be counted at its other end.
    ///
    /// - Throws: ``PodNetworkError`` if the tunnel is not there or takes nothing, or `CancellationError`.
    public func probe(_ plan: GuestNetworkPlan, in path: String) async throws {
        let gateways = Set(plan.orderedRoutes.compactMap(\.gateway))
        try await probe(gateways.isEmpty ? [.broadcast] : gateways, by: plan.interface, in: path)
    }

    private func probe(_ targets: Set<NetAddress>, by interface: String, in path: String) async throws {
        try await offLoop(path) { networks in
            let home = try networks.pod(path)
            let outcome: Swift.Result<Void, PodNetworkError>
            do throws(SystemCallError) {
                outcome = try home.run {
                    Swift.Result { () throws(PodNetworkError) in
                        for target in targets { try Probe.send(to: target, by: interface) }
                    }
                }
            } catch {
                throw PodNetworkError(error)
            }
            try outcome.get()
        }
    }

    /// Removes the node's end. That it, or the namespace, is not there is fine.
    ///
    /// Once it returns, the identifier is free; with `identifier` the end of another tunnel stays.
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func tearDownNodeNetwork(podInterface: String, identifier: UInt32? = nil, in path: String) async throws {
        try await offLoop(path) { networks in
            guard let home = try networks.podIfThere(path) else { return }
            try NodeNetworkSetup(node: networks.host, home: home, gate: networks.gate)
                .tearDown(podInterface: podInterface, identifier: identifier)
        }
    }

    /// Makes the VM's end of the pod's network in the namespace at `path`, or what is missing of it.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func setUp(_ plan: GuestNetworkPlan, in path: String) async throws {
        try await offLoop(path) { networks in
            try plan.check()
            try GuestNetworkSetup(vm: networks.host, home: try networks.pod(path), gate: networks.gate).setUp(plan)
        }
        logger.debug(
            "VM end of the pod's network is up", [LogField("namespace", path), LogField("tunnel", plan.tunnel)])
    }

    /// What is there of the VM's end that `plan` is about, with counters at each hop and what is wrong.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func state(of plan: GuestNetworkPlan, in path: String) async throws -> GuestNetworkState {
        try await offLoop(path) { networks in
            let inner = try NetlinkSocket.open(in: try networks.pod(path), path, gate: networks.gate)
            let policies = try NetlinkSocket.open(
                in: networks.host, "the VM's namespace", to: .policies, gate: networks.gate)
            return try GuestNetworkState(of: plan, inner, outer: try networks.hostSocket(), policies: policies)
        }
    }

    /// Removes the VM's end. That it, or the namespace, is not there is fine.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func tearDownGuestNetwork(interface: String, in path: String) async throws {
        try await offLoop(path) { networks in
            guard let home = try networks.podIfThere(path) else { return }
            try GuestNetworkSetup(vm: networks.host, home: home, gate: networks.gate).tearDown(interface: interface)
        }
    }

    private func offLoop<Result: Sendable>(
        _ path: String, _ body: @escaping @Sendable (PodNetworkExecutor) throws -> Result
    ) async throws -> Result {
        try await queues.run(path) { try await offLoop(body) }
    }

    private func offLoop<Result: Sendable>(
        _ body: @escaping @Sendable (PodNetworkExecutor) throws -> Result
    ) async throws -> Result {
        try await semaphore.withPermit { try await Thread.offLoop { try body(self) } }
    }

    private func hostSocket() throws(PodNetworkError) -> NetlinkSocket {
        try NetlinkSocket.open(in: host, "this host's namespace", gate: gate)
    }

    private func pod(_ path: String) throws(PodNetworkError) -> NetworkNamespace {
        let namespace: NetworkNamespace
        do throws(NetworkNamespace.Failure) {
            namespace = try NetworkNamespace(opening: path)
        } catch {
            throw PodNetworkError(
                error,
                "On the node, containerd or CRI-O makes it, and the adaptor has to see the node's /run/netns (mount "
                    + "propagation HostToContainer); in the VM, the unit netns@podns does.")
        }
        guard !namespace.isSame(as: host) else {
            throw PodNetworkError(
                .unusableNamespace, "The network namespace \(path)", "it is this host's own",
                "A pod in a VM of its own cannot have the host's network: take hostNetwork out of the pod.")
        }
        return namespace
    }

    private func podIfThere(_ path: String) throws(PodNetworkError) -> NetworkNamespace? {
        do throws(PodNetworkError) {
            return try pod(path)
        } catch  where error.code == .missingNamespace || error.code == .unusableNamespace {
            return nil
        }
    }
}
