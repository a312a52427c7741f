internal import LinuxIO
internal import PodNetwork
internal import PodVMLifecycle

/// Controls the node's side of one sandbox's network: sets it up, repairs it and removes it, one operation at a time.
final class SandboxNetworkController: Sendable {
    private struct State {
        var record: SandboxNetworkRecord
        /// Set permanently when the sandbox ends: no operation sets up anything from then on.
        var isEnding = false
        var isRemoved = false
    }

    /// The sandbox's directory, which holds the record.
    let directory: String
    private let executor: PodNetworkExecutor
    private let route: UnderlayRoute
    private let state: Lock<State>
    private let semaphore = AsyncSemaphore(1)

    init(
        _ record: SandboxNetworkRecord, in directory: String, by executor: PodNetworkExecutor, over route: UnderlayRoute
    ) {
        self.directory = directory
        self.executor = executor
        self.route = route
        state = Lock(State(record: record))
    }

    /// The record as it is on disk, or about to be.
    var record: SandboxNetworkRecord { state.withLock { $0.record } }
    /// Whether the sandbox ends.
    var isEnding: Bool { state.withLock { $0.isEnding } }

    /// Writes the record, before any other party learns what is in it.
    func writeRecord() async throws { try await record.write(in: directory) }

    /// Sets the tunnel up to the VM at one of `addresses`; returns which.
    ///
    /// - Throws: ``ConnectorError``.
    func connect(to addresses: [String]) async throws(ConnectorError) -> NetAddress {
        let vm = try vmAddress(among: addresses, isDedicated: record.isDedicated)
        do {
            try await semaphore.withPermit {
                if isEnding { throw CancellationError() }
                let record = record.leading(to: vm)
                let plan = try await plan(of: record, toward: vm)
                // On disk first: after a crash the next process must know which host's packets are not tracked.
                try await record.write(in: directory)
                state.withLock { $0.record = record }
                try await executor.setUp(plan, in: record.namespacePath)
            }
            return vm
        } catch {
            throw ConnectorError(network: error, "Setting up the node's side of the pod's network")
        }
    }

    /// Sets up again what is missing of an earlier process's work; returns the faults that were repaired.
    func repair() async throws -> [String] {
        try await semaphore.withPermit {
            let record = record
            guard !isEnding, let vm = record.peers.last else { return [] }
            let plan = try await plan(of: record, toward: vm)
            let before = try await executor.state(of: plan, in: record.namespacePath)
            try await executor.setUp(plan, in: record.namespacePath)
            let after = try await executor.state(of: plan, in: record.namespacePath)
            // A fault that a set-up does not change, such as a VM that does not answer yet, was not repaired.
            return before.isSameExceptCounters(as: after) ? [] : before.problems
        }
    }

    /// Marks the sandbox as ending: a set-up that runs is completed, and no other begins.
    func beginEnding() { state.withLock { $0.isEnding = true } }

    /// Removes the node's side, after ``beginEnding()``. Succeeds when nothing is there.
    func remove() async throws {
        try await semaphore.withPermit {
            let (record, isRemoved) = state.withLock { ($0.record, $0.isRemoved) }
            // Nothing was set up before there was a VM.
            if !isRemoved, !record.peers.isEmpty {
                try await executor.removeNodeNetwork(
                    podInterface: record.pod.name, identifier: record.identifier, in: record.namespacePath)
            }
            state.withLock { $0.isRemoved = true }
        }
    }

    /// The plan and the present state; nil as long as the VM has no address.
    func planAndState() async throws -> (plan: NodeNetworkPlan, state: NodeNetworkState)? {
        guard let plan = try await plan() else { return nil }
        return (plan, try await executor.state(of: plan, in: record.namespacePath))
    }

    /// Sends a packet to the VM, which both sides count; does nothing as long as the VM has no address.
    func probe() async throws {
        guard let plan = try await plan() else { return }
        try await executor.probe(plan, in: record.namespacePath)
    }

    private func plan() async throws -> NodeNetworkPlan? {
        let record = record
        guard let vm = record.peers.last else { return nil }
        return try await plan(of: record, toward: vm)
    }

    private func plan(of record: SandboxNetworkRecord, toward vm: NetAddress) async throws -> NodeNetworkPlan {
        let underlay = try await executor.underlay(
            named: route.interface, toward: vm, isDedicated: record.isDedicated)
        return try NodeNetworkPlan(
            for: record.pod, over: underlay, identifier: record.identifier, port: record.port, vm: vm)
    }

    /// The address of the VM that the tunnel leads to: the first of the node address's family, or the second one if the tunnels
    /// have an interface of their own.
    private func vmAddress(among addresses: [String], isDedicated: Bool) throws(ConnectorError) -> NetAddress {
        let node = record.node.address
        let suitable = addresses.compactMap { NetAddress($0) }.filter { $0.isVersion6 == node.isVersion6 }
        guard let first = suitable.first else {
            throw ConnectorError(
                .failed,
                """
                The tunnel cannot be set up: the node's address is \(node), and the VM has no IPv\(node.isVersion6 ? 6 : 4) \
                address (the cloud reports \(addresses.isEmpty ? "none" : addresses.joined(separator: ", "))). Give the VMs' \
                subnet that IP family, or name another interface with -host-interface
                """
            )
        }
        return isDedicated ? suitable.dropFirst().first ?? first : first
    }
}

extension NodeNetworkState {
    fileprivate func isSameExceptCounters(as other: NodeNetworkState) -> Bool {
        func withoutCounters(_ hop: Hop?) -> Hop? {
            var hop = hop
            hop?.counters = Counters()
            return hop
        }
        return withoutCounters(pod) == withoutCounters(other.pod)
            && withoutCounters(tunnel) == withoutCounters(other.tunnel) && tunnelDescription == other.tunnelDescription
    }
}
