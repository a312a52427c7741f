/// What is wrong with a pod's network between its ends: what neither can tell alone.
public enum PathDiagnosis {
    /// What the VM told of its end.
    public struct FarEnd: Equatable, Sendable {
        /// What has passed the pod's interface in the VM.
        public struct Passed: Equatable, Sendable {
            /// Packets that came out of the tunnel.
            public var received: UInt64
            /// Packets that went into it.
            public var sent: UInt64
            /// The interface's largest packet, in bytes.
            public var mtu: Int

            /// Counts of packets.
            public init(received: UInt64, sent: UInt64, mtu: Int) {
                self.received = received
                self.sent = sent
                self.mtu = mtu
            }
        }

        /// Of the pod's interface in the VM; nil if it is not there.
        public var pod: Passed?
        /// What is wrong with that end by itself.
        public var problems: [String]

        /// What the VM told.
        public init(pod: Passed?, problems: [String]) {
            self.pod = pod
            self.problems = problems
        }

        /// What the VM sees itself.
        public init(_ state: GuestNetworkState) {
            pod = state.pod.map { hop in
                Passed(
                    received: hop.counters.received.packets, sent: hop.counters.sent.packets, mtu: hop.mtu)
            }
            problems = state.problems
        }
    }

    /// What both ends counted at one time.
    public struct Counts: Equatable, Sendable {
        /// The node's end.
        public var node: NodeNetworkState
        /// The VM's.
        public var vm: FarEnd

        /// Both.
        public init(node: NodeNetworkState, vm: FarEnd) {
            self.node = node
            self.vm = vm
        }
    }

    /// Everything that is wrong with a pod's network, as sentences that say what to do; none is good.
    ///
    /// With `earlier` it is about what has passed since: look at the node's end, ask the VM, send a probe each way
    /// (``PodNetworkExecutor/probe(_:in:)``), ask the VM again, and look at the node's end again. Without, it is about all that has
    /// passed since the ends are there, and so says nothing of a way that was good once. That nothing was sent is no problem.
    /// With `vm` nil, when the VM does not tell, what is said of the way is a guess.
    public static func problems(
        of tunnel: Tunnel, node: NodeNetworkState, vm: FarEnd?, since earlier: Counts? = nil
    ) -> [String] {
        node.problems + (vm?.problems ?? []) + between(tunnel, node, vm, earlier)
    }

    private static func between(
        _ tunnel: Tunnel, _ node: NodeNetworkState, _ vm: FarEnd?, _ earlier: Counts?
    ) -> [String] {
        // Where an end is missing nothing can pass, and the end's own problem says so.
        guard let near = node.tunnel else { return [] }
        let old = earlier?.node.tunnel?.counters
        let sent = Self.since(old?.sent.packets, near.counters.sent.packets)
        let received = Self.since(old?.received.packets, near.counters.received.packets)
        let dropped = Self.since(old?.sent.dropped, near.counters.sent.dropped)
        if sent == 0, dropped > 0 {
            return [
                "The node throws away what goes to the VM (\(count(dropped))): look at its route and its neighbours toward "
                    + "\(tunnel.remote) ('ip route get \(tunnel.remote)')."
            ]
        }
        guard let vm else {
            guard sent > 0, received == 0 else { return [] }
            return [
                "\(count(sent)) went to the VM, and none came back: nothing in the pod has answered yet, or the VM's end is "
                    + "missing, or UDP port \(tunnel.port) does not get through. \(advice(tunnel))"
            ]
        }
        guard let far = vm.pod else { return [] }
        let farSent = Self.since(earlier?.vm.pod?.sent, far.sent)
        let farReceived = Self.since(earlier?.vm.pod?.received, far.received)
        var problems: [String] = []
        switch (sent > 0 && farReceived == 0, farSent > 0 && received == 0) {
        case (true, true):
            problems.append(
                "UDP port \(tunnel.port) gets through in neither direction: \(count(sent)) left the node and \(count(farSent)) the "
                    + "VM, and none arrived. \(advice(tunnel))")
        case (true, false):
            problems.append(
                "UDP port \(tunnel.port) does not get through to the VM at \(tunnel.remote): \(count(sent)) left the node, and none "
                    + "arrived. \(advice(tunnel))")
        case (false, true):
            problems.append(
                "UDP port \(tunnel.port) does not get through from the VM at \(tunnel.remote): \(count(farSent)) left it, and none "
                    + "arrived at the node. \(advice(tunnel))")
        case (false, false): break
        }
        if far.mtu > near.mtu {
            problems.append(
                "The pod's interface in the VM takes packets of \(far.mtu) bytes, the tunnel on the node \(near.mtu): larger ones "
                    + "are cut in two, or lost.")
        }
        return problems
    }

    /// How many came since there were `old`; an end that was made anew meanwhile counts from the start.
    private static func since(_ old: UInt64?, _ new: UInt64) -> UInt64 {
        guard let old, old <= new else { return new }
        return new - old
    }

    private static func count(_ packets: UInt64) -> String { packets == 1 ? "1 packet" : "\(packets) packets" }

    private static func advice(_ tunnel: Tunnel) -> String {
        "Let UDP port \(tunnel.port) pass both ways between the node and the VM: look at the network security groups of both, and "
            + "at the firewall of the node ('nft list ruleset')."
    }
}
