/// What is there of the node's end of a pod's network, and what is wrong with it.
public struct NodeEndState: Equatable, Sendable {
    /// What has passed an interface since it is there.
    public struct Counters: Equatable, Sendable {
        public var received = Passed()
        public var sent = Passed()

        /// In one direction.
        public struct Passed: Equatable, Sendable {
            public var packets: UInt64 = 0
            public var bytes: UInt64 = 0
            /// Thrown away, for want of room or because of an error.
            public var dropped: UInt64 = 0
        }
    }

    /// One interface on the way.
    public struct Hop: Equatable, Sendable {
        public var interface: String
        public var mtu: Int
        public var isUp: Bool
        public var counters: Counters
        /// Where everything goes that comes in here; nil is this namespace's own network stack.
        public var redirectedTo: String?
    }

    /// The pod's interface; nil if it is gone.
    public var pod: Hop?
    /// The tunnel's; nil if it is not there.
    public var tunnel: Hop?
    /// What the tunnel's interface says of itself.
    public var tunnelDescription: String?
    /// Every difference to the plan, as a sentence; none is good.
    public var problems: [String] = []
}

extension NodeEndState {
    /// Reads what is there in the namespace of `socket`.
    init(of plan: NodeEndPlan, _ socket: NetlinkSocket) throws(PodNetworkError) {
        let tunnelName = NodeEndPlan.tunnelInterface
        let podLink = try socket.link(named: plan.podInterface)
        let tunnelLink = try socket.link(named: tunnelName)
        func hop(_ link: Link?) throws(PodNetworkError) -> Hop? {
            guard let link else { return nil }
            var target: String?
            if case .redirect(let index?) = try socket.incomingRule(of: link) {
                target = try socket.link(index: index)?.name
            }
            return Hop(
                interface: link.name, mtu: link.mtu, isUp: link.isUp, counters: try socket.counters(of: link),
                redirectedTo: target)
        }
        pod = try hop(podLink)
        tunnel = try hop(tunnelLink)
        tunnelDescription = tunnelLink?.vxlan.map { vxlan in
            "VXLAN \(vxlan.identifier) to \(vxlan.remote?.description ?? "nobody"), UDP port \(vxlan.port)"
        }
        guard let pod else {
            problems = ["The pod's interface \(plan.podInterface) is gone: the CNI has removed it."]
            return
        }
        if !pod.isUp { problems.append("The pod's interface \(pod.interface) is down.") }
        guard let tunnel, let tunnelLink else {
            problems.append("The node's end \(tunnelName) is missing: the pod's packets come to nothing.")
            return
        }
        if !tunnelLink.isEnd(of: plan.tunnel) {
            problems.append("\(tunnelName) is \(tunnelDescription ?? "no tunnel"), where \(plan.tunnel) is planned.")
        }
        if !tunnel.isUp { problems.append("\(tunnelName) is down.") }
        if tunnel.mtu != plan.mtu {
            problems.append("\(tunnelName) has the MTU \(tunnel.mtu), where \(plan.mtu) is planned.")
        }
        if pod.redirectedTo != tunnelName {
            problems.append(
                "What comes in on \(pod.interface) is not sent through \(tunnelName): the node answers for the pod.")
        }
        if tunnel.redirectedTo != pod.interface {
            problems.append("What comes from the VM is not sent out by \(pod.interface).")
        }
        if problems.isEmpty, tunnel.counters.sent.packets > 0, tunnel.counters.received.packets == 0 {
            problems.append(
                "\(tunnel.counters.sent.packets) packet(s) went to the VM, and none came back: its end is missing, or UDP port "
                    + "\(plan.tunnel.port) does not get through (network security group, firewall).")
        }
    }
}
