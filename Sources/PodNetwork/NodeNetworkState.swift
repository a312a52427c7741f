internal import Glibc

/// The state of the node's side of a pod's network, and its differences from the plan.
public struct NodeNetworkState: Equatable, Sendable {
    /// The packet counters of an interface since its creation.
    public struct Counters: Equatable, Sendable {
        /// Packets that the interface has received.
        public var received = Direction()
        /// Packets that the interface has sent.
        public var sent = Direction()

        /// Zero in both directions.
        public init() {}

        /// The counters of one direction.
        public struct Direction: Equatable, Sendable {
            /// Packets.
            public var packets: UInt64 = 0
            /// The bytes of these packets.
            public var bytes: UInt64 = 0
            /// Packets that were dropped because a queue was full or because of an error.
            public var dropped: UInt64 = 0
        }
    }

    /// One interface on a pod's path.
    public struct Hop: Equatable, Sendable {
        /// The interface's name.
        public var interface: String
        /// The interface's MTU, in bytes.
        public var mtu: Int
        /// Whether it is up.
        public var isUp: Bool
        /// The interface's counters.
        public var counters: Counters
        /// The interface to which all incoming packets are redirected. Nil means that the namespace's network stack
        /// gets them.
        public var redirectedTo: String?
    }

    /// The pod's interface; nil if it does not exist.
    public var pod: Hop?
    /// The tunnel's interface; nil if it does not exist.
    public var tunnel: Hop?
    /// The node's interface for outer packets; nil if there is no route to the VM.
    public var underlay: Hop?
    /// The VXLAN parameters of the tunnel's interface.
    public var tunnelDescription: String?
    /// Every difference from the plan, as a sentence. ``PathDiagnosis`` finds the faults that need the state of both
    /// sides.
    public var problems: [String] = []

    /// A state with these properties.
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
    /// Reads the state in the namespace of `inner`, and the route of `outer` to the VM.
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
            problems =
                ["The pod's interface \(plan.podInterface) does not exist: the CNI plugin has removed it."] + problems
            return
        }
        if !pod.isUp { problems.append("The pod's interface \(pod.interface) is down.") }
        guard let tunnel, let tunnelLink else {
            problems.append("The tunnel's interface \(tunnelName) on the node is missing: the pod's packets are lost.")
            return
        }
        if !tunnelLink.isEndpoint(of: plan.tunnel) {
            problems.append("\(tunnelName) is \(tunnelDescription ?? "not a tunnel"), but the plan is \(plan.tunnel).")
        }
        if !tunnel.isUp { problems.append("\(tunnelName) is down.") }
        if tunnel.mtu != plan.mtu {
            problems.append("\(tunnelName) has the MTU \(tunnel.mtu), but the plan is \(plan.mtu).")
        }
        if pod.redirectedTo != tunnelName {
            problems.append(
                "Packets that arrive at \(pod.interface) are not redirected to \(tunnelName): the node answers for the pod."
            )
        }
        if tunnel.redirectedTo != pod.interface {
            problems.append("Packets from the VM are not redirected to \(pod.interface).")
        } else if case .checked(plan.sourceCheck.bytes, _) = try inner.incomingRule(of: tunnelLink) {
        } else {
            problems.append("Packets from the VM are not checked: they may have another pod's source addresses.")
        }
        let isBound = try inner.permanentEntries(of: tunnelLink).contains(plan.forwardingEntry)
        if !isBound || tunnelLink.vxlan?.learningLimit != NodeNetworkPlan.forwardingLimit {
            problems.append("\(tunnelName) takes packets from hosts other than the VM.")
        }
    }
}

extension NetlinkSocket {
    /// An interface as a hop on a pod's path.
    func hop(_ link: Link) throws(PodNetworkError) -> NodeNetworkState.Hop {
        var target: String?
        if let index = try incomingRule(of: link).target { target = try self.link(index: index)?.name }
        return NodeNetworkState.Hop(
            interface: link.name, mtu: link.mtu, isUp: link.isUp, counters: try counters(of: link),
            redirectedTo: target)
    }

    /// The interface of this host for a tunnel's outer packets; adds its faults to `problems`.
    func underlayHop(
        of tunnel: Tunnel, carrying mtu: Int, _ problems: inout [String]
    ) throws(PodNetworkError) -> NodeNetworkState.Hop? {
        let route: (interface: CInt, mtu: Int?)
        do throws(PodNetworkError) {
            route = try self.lookUpRoute(to: tunnel.remote)
        } catch  where [ENETUNREACH, EHOSTUNREACH, EACCES, EINVAL].contains(error.errno) {
            problems.append("There is no route to the tunnel's remote address \(tunnel.remote): \(error.reason).")
            return nil
        }
        guard let link = try link(index: route.interface) else { return nil }
        if !link.isUp { problems.append("The interface \(link.name), which sends the tunnel's packets, is down.") }
        let room = min(link.mtu, route.mtu ?? link.mtu) - tunnel.overhead
        if room < mtu {
            problems.append(
                "The path to \(tunnel.remote) over \(link.name) leaves the tunnel an MTU of \(max(0, room)), but the plan is \(mtu): full "
                    + "packets are fragmented or lost.")
        }
        return try hop(link)
    }
}
