internal import LinuxIO
internal import PodNetwork
internal import PodVMLifecycle

/// The node's end of one sandbox's network: made, mended and taken away by one at a time.
final class SandboxNetworkController: Sendable {
    private struct State {
        var network: SandboxNetworkRecord
        /// Set for good when the sandbox ends: from then on nothing is made any more.
        var isEnding = false
        var isGone = false
    }

    let directory: String
    private let state: Lock<State>
    private let semaphore = AsyncSemaphore(1)

    init(_ network: SandboxNetworkRecord, in directory: String) {
        self.directory = directory
        state = Lock(State(network: network))
    }

    /// What is on disk of it, or about to be.
    var network: SandboxNetworkRecord { state.withLock { $0.network } }
    var isEnding: Bool { state.withLock { $0.isEnding } }

    /// Records what the sandbox has, before anybody hears of it.
    func record() async throws { try await network.write(in: directory) }

    /// Has the tunnel lead to the VM at one of `addresses`, and returns at which.
    ///
    /// - Throws: ``ConnectorError``.
    func join(
        _ addresses: [String], by networks: PodNetworkExecutor, over route: NodeNetworkManager.Route
    ) async throws(ConnectorError) -> NetAddress {
        let peer = try peer(among: addresses, isDedicated: network.isDedicated)
        do {
            try await semaphore.withPermit {
                if isEnding { throw CancellationError() }
                let network = network.leading(to: peer)
                let plan = try await plan(of: network, toward: peer, by: networks, over: route)
                // On disk first: after a crash the next process has to know whose packets are not tracked.
                try await network.write(in: directory)
                state.withLock { $0.network = network }
                try await networks.setUp(plan, in: network.namespacePath)
            }
            return peer
        } catch {
            throw ConnectorError(network: error, "Setting up the node's end of the pod's network")
        }
    }

    /// Makes what an earlier process has made again, as far as it is missing; returns what was wrong.
    func mend(by networks: PodNetworkExecutor, over route: NodeNetworkManager.Route) async throws -> [String] {
        try await semaphore.withPermit {
            let network = network
            guard !isEnding, let peer = network.peers.last else { return [] }
            let plan = try await plan(of: network, toward: peer, by: networks, over: route)
            let before = try await networks.state(of: plan, in: network.namespacePath)
            try await networks.setUp(plan, in: network.namespacePath)
            let after = try await networks.state(of: plan, in: network.namespacePath)
            // That the VM has not answered yet, for one, is nothing that was mended.
            return before.hasShape(of: after) ? [] : before.problems
        }
    }

    /// Lets nothing be made any more; what is being made is, but nothing after it.
    func end() { state.withLock { $0.isEnding = true } }

    /// Takes the node's end away, once ``end()`` has been called. What is gone is fine.
    func tearDown(by networks: PodNetworkExecutor) async throws {
        try await semaphore.withPermit {
            let (network, isGone) = state.withLock { ($0.network, $0.isGone) }
            // Where no VM was ever led to, nothing was made.
            if !isGone, !network.peers.isEmpty {
                try await networks.tearDownNodeNetwork(
                    podInterface: network.pod.name, identifier: network.identifier, in: network.namespacePath)
            }
            state.withLock { $0.isGone = true }
        }
    }

    /// What is to be there; nil as long as the VM has no address.
    func plan(by networks: PodNetworkExecutor, over route: NodeNetworkManager.Route) async throws -> NodeNetworkPlan? {
        let network = network
        guard let peer = network.peers.last else { return nil }
        return try await plan(of: network, toward: peer, by: networks, over: route)
    }

    private func plan(
        of network: SandboxNetworkRecord, toward peer: NetAddress, by networks: PodNetworkExecutor,
        over route: NodeNetworkManager.Route
    ) async throws -> NodeNetworkPlan {
        let underlay = try await networks.underlay(
            named: route.interface, toward: peer, isDedicated: network.isDedicated)
        return try NodeNetworkPlan(
            for: network.pod, over: underlay, identifier: network.identifier, port: network.port, vm: peer)
    }

    /// Where the VM's end is: the VM's first address of the family that the VM was told of the node's end, or its second
    /// one if the tunnels have an interface of their own.
    private func peer(among addresses: [String], isDedicated: Bool) throws(ConnectorError) -> NetAddress {
        let node = network.node.address
        let suitable = addresses.compactMap { NetAddress($0) }.filter { $0.isVersion6 == node.isVersion6 }
        guard let first = suitable.first else {
            throw ConnectorError(
                .failed,
                """
                The VM has no IPv\(node.isVersion6 ? 6 : 4) address for the tunnel to lead to, only \
                \(addresses.isEmpty ? "none at all" : addresses.joined(separator: ", ")): the node's end is \(node)
                """
            )
        }
        return isDedicated ? suitable.dropFirst().first ?? first : first
    }
}

extension NodeNetworkState {
    /// Whether both are the same but for what has passed.
    fileprivate func hasShape(of other: NodeNetworkState) -> Bool {
        func shape(_ hop: Hop?) -> Hop? {
            var hop = hop
            hop?.counters = Counters()
            return hop
        }
        return shape(pod) == shape(other.pod) && shape(tunnel) == shape(other.tunnel)
            && tunnelDescription == other.tunnelDescription
    }
}
