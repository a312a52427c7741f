internal import Glibc

/// What is there of the node's end of a pod's network, and what is wrong with it.
public struct NodeNetworkState: Equatable, Sendable {
    /// What has passed an interface since it is there.
    public struct Counters: Equatable, Sendable {
        public var received = Passed()
        public var sent = Passed()

        /// Nothing has passed.
        public init() {}

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
    /// The node's own interface, which the outer packets take; nil if there is no way to the VM.
    public var underlay: Hop?
    /// What the tunnel's interface says of itself.
    public var tunnelDescription: String?
    /// Every difference to the plan, as a sentence; none is good. What no end can tell alone, ``PathDiagnosis`` does.
    public var problems: [String] = []

    /// A state that is said whole.
    public init(
        pod: Hop? = nil, tunnel: Hop? = nil, underlay: Hop? = nil, tunnelDescription: String? = nil,
        problems: [String] = []
    ) {
        self.pod = pod
        self.tunnel = tunnel
        self.underlay = underlay
        self.tunnelDescription = tunnelDescription
        self.problems = problems
    }
}

extension NodeNetworkState {
    /// Reads what is there in the namespace of `inner`, and which way `outer` has to the VM.
    init(of plan: NodeNetworkPlan, _ inner: NetlinkSocket, outer: NetlinkSocket) throws(PodNetworkError) {
        self.init()
        let tunnelName = NodeNetworkPlan.tunnelInterface
        let podLink = try inner.link(named: plan.podInterface)
        let tunnelLink = try inner.link(named: tunnelName)
        if let podLink { pod = try inner.hop(podLink) }
        if let tunnelLink { tunnel = try inner.hop(tunnelLink) }
        tunnelDescription = tunnelLink?.vxlan.map { "\($0)" }
        underlay = try outer.underlayHop(of: plan.tunnel, carrying: plan.mtu, &problems)
        guard let pod else {
            problems = ["The pod's interface \(plan.podInterface) is gone: the CNI has removed it."] + problems
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
        } else if case .guarded(plan.sourceCheck.bytes, _) = try inner.incomingRule(of: tunnelLink) {
        } else {
            problems.append("What comes from the VM is not checked: it may have another pod's addresses as its source.")
        }
        let isBound = try inner.permanentEntries(of: tunnelLink).contains(plan.forwardingEntry)
        if !isBound || tunnelLink.vxlan?.learningLimit != NodeNetworkPlan.forwardingLimit {
            problems.append("\(tunnelName) takes packets from other hosts than the VM.")
        }
    }
}

extension NetlinkSocket {
    /// An interface as one on a pod's way.
    func hop(_ link: Link) throws(PodNetworkError) -> NodeNetworkState.Hop {
        var target: String?
        if let index = try incomingRule(of: link).target { target = try self.link(index: index)?.name }
        return NodeNetworkState.Hop(
            interface: link.name, mtu: link.mtu, isUp: link.isUp, counters: try counters(of: link),
            redirectedTo: target)
    }

    /// The interface of this host that a tunnel's outer packets take, and what is wrong with it.
    func underlayHop(
        of tunnel: Tunnel, carrying mtu: Int, _ problems: inout [String]
    ) throws(PodNetworkError) -> NodeNetworkState.Hop? {
        let way: (interface: CInt, mtu: Int?)
        do throws(PodNetworkError) {
            way = try self.way(to: tunnel.remote)
        } catch  where [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(error.errno) {
            problems.append("There is no route to the tunnel's other end \(tunnel.remote): \(error.reason).")
            return nil
        }
        guard let link = try link(index: way.interface) else { return nil }
        if !link.isUp { problems.append("The interface \(link.name), by which the tunnel's packets leave, is down.") }
        let room = min(link.mtu, way.mtu ?? link.mtu) - tunnel.overhead
        if room < mtu {
            problems.append(
                "The way to \(tunnel.remote) over \(link.name) carries only \(max(0, room)) of the tunnel's \(mtu) bytes: each "
                    + "full packet is cut in two, or lost.")
        }
        return try hop(link)
    }
}
