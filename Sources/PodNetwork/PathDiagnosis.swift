/// Finds the faults between the two sides of a pod's network. One side alone cannot detect them.
public enum PathDiagnosis {
    /// The VM's report of its side.
    public struct GuestReport: Equatable, Sendable {
        /// The counters of the pod's interface in the VM.
        public struct PacketCounts: Equatable, Sendable {
            /// Packets received from the tunnel.
            public var received: UInt64
            /// Packets sent to the tunnel.
            public var sent: UInt64
            /// The interface's MTU, in bytes.
            public var mtu: Int

            /// Makes counters with these values.
            public init(received: UInt64, sent: UInt64, mtu: Int) {
                self.received = received
                self.sent = sent
                self.mtu = mtu
            }
        }

        /// The counters; nil if the pod's interface does not exist.
        public var pod: PacketCounts?
        /// The VM's differences from its plan.
        public var problems: [String]

        /// A report with these properties.
        public init(pod: PacketCounts?, problems: [String]) {
            self.pod = pod
            self.problems = problems
        }

        /// The report of this state.
        public init(_ state: GuestNetworkState) {
            pod = state.pod.map { hop in
                PacketCounts(
                    received: hop.counters.received.packets, sent: hop.counters.sent.packets, mtu: hop.mtu)
            }
            problems = state.problems
        }
    }

    /// The state of both sides at one time.
    public struct Counts: Equatable, Sendable {
        /// The node's side.
        public var node: NodeNetworkState
        /// The VM's side.
        public var vm: GuestReport

        /// Both sides.
        public init(node: NodeNetworkState, vm: GuestReport) {
            self.node = node
            self.vm = vm
        }
    }

    /// All faults of a pod's network, as sentences with the remedy.
    ///
    /// With `earlier`, only the counters since then count: read the node's state, request the VM's state, send a probe
    /// in each direction (``PodNetworkExecutor/probe(_:in:)``), request the VM's state again, and read the node's state
    /// again. Without it, all packets since the set-up count, so a path that has worked before shows no fault. A path
    /// without any packet is not a fault. If `vm` is nil, because the VM does not answer, the cause of a fault is a
    /// guess.
    public static func problems(
        of tunnel: Tunnel, node: NodeNetworkState, vm: GuestReport?, since earlier: Counts? = nil
    ) -> [String] {
        node.problems + (vm?.problems ?? []) + between(tunnel, node, vm, earlier)
    }

    private static func between(
        _ tunnel: Tunnel, _ node: NodeNetworkState, _ vm: GuestReport?, _ earlier: Counts?
    ) -> [String] {
        // Without an interface no packet can pass, and the differences of that side already contain this fault.
        guard let local = node.tunnel else { return [] }
        let old = earlier?.node.tunnel?.counters
        let sent = Self.since(old?.sent.packets, local.counters.sent.packets)
        let received = Self.since(old?.received.packets, local.counters.received.packets)
        let dropped = Self.since(old?.sent.dropped, local.counters.sent.dropped)
        if sent == 0, dropped > 0 {
            return [
                "The node drops the packets to the VM (\(count(dropped))): check its route and neighbours toward "
                    + "\(tunnel.remote) ('ip route get \(tunnel.remote)')."
            ]
        }
        guard let vm else {
            guard sent > 0, received == 0 else { return [] }
            return [
                "\(count(sent)) went to the VM, and none came back: the pod has not answered yet, or the tunnel in the VM is "
                    + "missing, or UDP port \(tunnel.port) is blocked. \(advice(tunnel))"
            ]
        }
        guard let remote = vm.pod else { return [] }
        let vmSent = Self.since(earlier?.vm.pod?.sent, remote.sent)
        let vmReceived = Self.since(earlier?.vm.pod?.received, remote.received)
        var problems: [String] = []
        switch (sent > 0 && vmReceived == 0, vmSent > 0 && received == 0) {
        case (true, true):
            problems.append(
                "UDP port \(tunnel.port) is blocked in both directions: \(count(sent)) left the node and \(count(vmSent)) the "
                    + "VM, and none arrived. \(advice(tunnel))")
        case (true, false):
            problems.append(
                "UDP port \(tunnel.port) is blocked to the VM at \(tunnel.remote): \(count(sent)) left the node, and none "
                    + "arrived. \(advice(tunnel))")
        case (false, true):
            problems.append(
                "UDP port \(tunnel.port) is blocked from the VM at \(tunnel.remote): \(count(vmSent)) left the VM, and none "
                    + "arrived at the node. \(advice(tunnel))")
        case (false, false): break
        }
        if remote.mtu > local.mtu {
            problems.append(
                "The pod's interface in the VM has the MTU \(remote.mtu), the tunnel on the node \(local.mtu): larger packets are "
                    + "fragmented or lost.")
        }
        return problems
    }

    /// The increase since `old`. If the interface was made again in between, its counters start at zero.
    private static func since(_ old: UInt64?, _ new: UInt64) -> UInt64 {
        guard let old, old <= new else { return new }
        return new - old
    }

    private static func count(_ packets: UInt64) -> String { packets == 1 ? "1 packet" : "\(packets) packets" }

    private static func advice(_ tunnel: Tunnel) -> String {
        "Allow UDP port \(tunnel.port) in both directions between the node and the VM: check the network security groups of both, and "
            + "the firewall of the node ('nft list ruleset')."
    }
}
