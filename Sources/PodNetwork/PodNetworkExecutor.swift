package import LinuxIO
public import Telemetry

/// Executes the operations on the pods' networks of one host, the node or the VM.
///
/// Netlink blocks, sometimes for tens of milliseconds (the kernel's grace periods), so each operation runs on a thread
/// of its own, and the caller's loop continues. A waiting operation can be cancelled; a running operation cannot.
/// Operations on one namespace run sequentially in the order of the calls, so a removal removes the result of an
/// earlier set-up.
public final class PodNetworkExecutor: Sendable {
    private let host: NetworkNamespace
    private let semaphore: AsyncSemaphore
    private let queues = KeyedQueues()
    private let faults: NetlinkFaults
    private let logger: Logger

    /// An executor for this process's host, which runs up to `parallel` operations at once.
    public convenience init(parallel: Int = 20, logger: Logger) throws(PodNetworkError) {
        let host: NetworkNamespace
        do throws(NetworkNamespace.Failure) {
            host = try .ofThisProcess()
        } catch {
            throw PodNetworkError(error, NetworkRemedy.proc)
        }
        self.init(in: host, parallel: parallel, logger: logger)
    }

    /// An executor for the host whose own namespace is `host`.
    package init(
        in host: NetworkNamespace, parallel: Int = 20, faults: NetlinkFaults = .none, logger: Logger = .silent
    ) {
        self.host = host
        semaphore = AsyncSemaphore(parallel)
        self.faults = faults
        self.logger = logger
    }

    /// Inspects the interface that the CNI plugin has made in the namespace at `path`.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func inspect(_ path: String) async throws -> PodInterface {
        try await offLoop(path) { executor in
            try Inspector.pod(try NetlinkSocket.open(in: try executor.pod(path), path, faults: executor.faults))
        }
    }

    /// The interface for outer packets: the interface `name`, or, if `name` is empty, the default route's. With `peer`,
    /// its MTU is the MTU of the path to the peer. With `isDedicated`, the default route is not looked up to determine
    /// whether only tunnels use the named interface.
    ///
    /// - Throws: ``PodNetworkError`` (`noPrimaryInterface` if there is none yet), or `CancellationError`.
    public func underlay(
        named name: String = "", toward peer: NetAddress? = nil, isDedicated: Bool? = nil
    ) async throws -> Underlay {
        try await offLoop { executor in
            try Inspector.underlay(try executor.hostSocket(), named: name, toward: peer, isDedicated: isDedicated)
        }
    }

    /// The VXLAN interfaces of other programs on `port` in this host's namespace.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func otherTunnels(on port: Int) async throws -> [OtherTunnel] {
        try await offLoop { executor in try executor.hostSocket().links().compactMap { OtherTunnel($0, port: port) } }
    }

    /// Whether no VXLAN interface of this host, in any namespace, has `identifier` on `port`.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func isFree(_ identifier: UInt32, port: Int) async throws -> Bool {
        try await offLoop { executor in try executor.hostSocket().isFree(identifier, port: port) }
    }

    /// Sets up the node's side of a pod's network in the namespace at `path`, or its missing parts.
    ///
    /// If it fails, its changes are rolled back.
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func setUp(_ plan: NodeNetworkPlan, in path: String) async throws {
        try await offLoop(path) { executor in
            try NodeNetworkSetup(node: executor.host, podNamespace: try executor.pod(path), faults: executor.faults)
                .setUp(plan)
        }
        logger.debug(
            "The node's side of a pod's network is up", [LogField("namespace", path), LogField("tunnel", plan.tunnel)])
    }

    /// The state of the node's side, with the counters of each hop and the differences from `plan`.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func state(of plan: NodeNetworkPlan, in path: String) async throws -> NodeNetworkState {
        try await offLoop(path) { executor in
            let inner = try NetlinkSocket.open(in: try executor.pod(path), path, faults: executor.faults)
            return try NodeNetworkState(of: plan, inner, outer: try executor.hostSocket())
        }
    }

    /// Sends a packet to the VM through the tunnel of `plan`. The VM counts the packet.
    ///
    /// The packet is a broadcast from the pod's own address. The VM has that address too, so it discards the packet.
    /// - Throws: ``PodNetworkError`` if the tunnel does not exist or does not take the packet, or `CancellationError`.
    public func probe(_ plan: NodeNetworkPlan, in path: String) async throws {
        try await probe([.broadcast], by: NodeNetworkPlan.tunnelInterface, in: path)
    }

    /// Sends a packet from the pod to its gateways through the tunnel of `plan`. The node counts the packet.
    ///
    /// - Throws: ``PodNetworkError`` if the tunnel does not exist or does not take the packet, or `CancellationError`.
    public func probe(_ plan: GuestNetworkPlan, in path: String) async throws {
        let gateways = Set(plan.orderedRoutes.compactMap(\.gateway))
        try await probe(gateways.isEmpty ? [.broadcast] : gateways, by: plan.interface, in: path)
    }

    private func probe(_ targets: Set<NetAddress>, by interface: String, in path: String) async throws {
        try await offLoop(path) { executor in
            let podNamespace = try executor.pod(path)
            let outcome: Swift.Result<Void, PodNetworkError>
            do throws(SystemCallError) {
                outcome = try podNamespace.run {
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

    /// Removes the node's side of a pod's network. Succeeds if the network or the namespace does not exist.
    ///
    /// When it returns, the identifier is free. With `identifier`, a tunnel with another identifier stays.
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func removeNodeNetwork(podInterface: String, identifier: UInt32? = nil, in path: String) async throws {
        try await offLoop(path) { executor in
            guard let podNamespace = try executor.podIfPresent(path) else { return }
            try NodeNetworkSetup(node: executor.host, podNamespace: podNamespace, faults: executor.faults)
                .remove(podInterface: podInterface, identifier: identifier)
        }
    }

    /// Sets up the VM's side of the pod's network in the namespace at `path`, or its missing parts.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func setUp(_ plan: GuestNetworkPlan, in path: String) async throws {
        try await offLoop(path) { executor in
            try plan.check()
            try GuestNetworkSetup(vm: executor.host, podNamespace: try executor.pod(path), faults: executor.faults)
                .setUp(plan)
        }
        logger.debug(
            "The VM's side of the pod's network is up", [LogField("namespace", path), LogField("tunnel", plan.tunnel)])
    }

    /// The state of the VM's side, with the counters of each hop and the differences from `plan`.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    public func state(of plan: GuestNetworkPlan, in path: String) async throws -> GuestNetworkState {
        try await offLoop(path) { executor in
            let inner = try NetlinkSocket.open(in: try executor.pod(path), path, faults: executor.faults)
            let policies = try NetlinkSocket.open(
                in: executor.host, "the VM's namespace", to: .policies, faults: executor.faults)
            return try GuestNetworkState(of: plan, inner, outer: try executor.hostSocket(), policies: policies)
        }
    }

    /// Removes the VM's side of the pod's network. Succeeds if the network or the namespace does not exist.
    ///
    /// - Throws: ``PodNetworkError``, or `CancellationError`.
    package func removeGuestNetwork(interface: String, in path: String) async throws {
        try await offLoop(path) { executor in
            guard let podNamespace = try executor.podIfPresent(path) else { return }
            try GuestNetworkSetup(vm: executor.host, podNamespace: podNamespace, faults: executor.faults).remove(
                interface: interface)
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
        try NetlinkSocket.open(in: host, "this host's namespace", faults: faults)
    }

    private func pod(_ path: String) throws(PodNetworkError) -> NetworkNamespace {
        let namespace: NetworkNamespace
        do throws(NetworkNamespace.Failure) {
            namespace = try NetworkNamespace(opening: path)
        } catch {
            throw PodNetworkError(error)
        }
        guard !namespace.isSame(as: host) else {
            throw PodNetworkError(
                .unusableNamespace, "The network namespace \(path)", "it is this host's own",
                NetworkRemedy.hostNamespace)
        }
        return namespace
    }

    private func podIfPresent(_ path: String) throws(PodNetworkError) -> NetworkNamespace? {
        do throws(PodNetworkError) {
            return try pod(path)
        } catch  where error.code == .missingNamespace || error.code == .unusableNamespace {
            return nil
        }
    }
}
