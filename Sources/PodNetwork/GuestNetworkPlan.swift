/// The plan of the VM's side of a pod's network, as a value.
///
/// The tunnel's interface is created in the VM's namespace, so its outer packets use that namespace, and is placed in
/// the pod's namespace. It has the name, the Ethernet address and all other properties of the pod's interface on the
/// node.
public struct GuestNetworkPlan: Equatable, Sendable {
    /// The interface's name in the pod's namespace.
    public var interface: String
    /// The pod's Ethernet address.
    public var hardwareAddress: LinkAddress
    /// The pod's MTU, in bytes.
    public var mtu: Int
    /// The pod's addresses, the primary address first.
    public var addresses: [NetPrefix]
    /// The routes over the interface.
    public var routes: [PodRoute]
    /// The pod's permanent neighbours.
    public var neighbors: [PodNeighbor]
    /// The tunnel to the node.
    public var tunnel: Tunnel
    /// Destinations that the pod must not reach, such as the metadata services of the VM and of the node. A process
    /// that sends to them gets an error at once. Routes of the pod to these destinations are left out.
    ///
    /// This includes sockets bound to the pod's interface. It excludes processes that may change the network (`CAP_NET_ADMIN`), or
    /// send frames of their own to the interface (`CAP_NET_RAW`).
    public var forbidden: [NetPrefix] = []
    /// Hosts that the pod may reach only at some ports. Packets to other ports are dropped. No route is left out.
    public var restricted: [Restriction] = []
    /// Addresses of the VM's own services inside the pod's namespace. Packets to them never leave the namespace.
    public var ownServices: [NetAddress] = []

    /// A plan with these properties.
    public init(
        interface: String, hardwareAddress: LinkAddress, mtu: Int, addresses: [NetPrefix], routes: [PodRoute],
        neighbors: [PodNeighbor], tunnel: Tunnel
    ) {
        self.interface = interface
        self.hardwareAddress = hardwareAddress
        self.mtu = mtu
        self.addresses = addresses
        self.routes = routes
        self.neighbors = neighbors
        self.tunnel = tunnel
    }

    /// The plan for the VM of `pod`, with a tunnel to the node.
    ///
    /// The pod reaches `podSubnets` through its default gateway. `vm` may be unknown; it decides only whether the
    /// tunnel uses IPv4 or IPv6.
    /// - Throws: ``PodNetworkError`` (`invalidPlan`).
    public init(
        for pod: PodInterface, over underlay: Underlay, identifier: UInt32, port: Int, podSubnets: [NetPrefix] = [],
        vm: NetAddress? = nil
    ) throws(PodNetworkError) {
        guard let node = underlay.address(toward: vm) else {
            throw .invalidPlan(
                "the tunnel to the node", "\(underlay.interface) has no address that the VM could send to",
                "Give \(underlay.interface) an address, or name another interface with -host-interface.")
        }
        let tunnel = Tunnel(identifier, port: port, to: node.address)
        self.init(
            interface: pod.name, hardwareAddress: pod.hardwareAddress,
            mtu: tunnel.mtu(pod: pod.mtu, underlay: underlay.mtu), addresses: pod.addresses, routes: pod.routes,
            neighbors: pod.neighbors, tunnel: tunnel)
        for subnet in podSubnets {
            let gateways = pod.routes.filter {
                $0.destination.isEverything && $0.destination.address.isVersion6 == subnet.address.isVersion6
            }
            guard let route = gateways.min(by: { $0.priority < $1.priority }) else {
                throw .invalidPlan(
                    "the pod subnet \(subnet)",
                    "the pod has no IPv\(subnet.address.isVersion6 ? 6 : 4) default route whose gateway could lead there",
                    "Remove it from -pod-subnet-cidrs.")
            }
            if routes.contains(where: { $0.destination == subnet.network }) { continue }
            routes.append(PodRoute(to: subnet, through: route.gateway, isOnLink: route.isOnLink))
        }
        try check()
    }

    /// This plan with an MTU that the VM's own interface can carry.
    public func fitting(_ underlay: Underlay) -> GuestNetworkPlan {
        var plan = self
        plan.mtu = tunnel.mtu(pod: mtu, underlay: underlay.mtu)
        return plan
    }

    /// The planned routes in an order that the kernel accepts: a gateway must be reachable before a route through it.
    var orderedRoutes: [PodRoute] {
        let wanted = routes.map(\.normalized).filter { route in
            !forbidden.contains { $0.contains(route.destination) }
        }
        let fitting = wanted.map { route in
            var route = route
            // The kernel prefers a route's MTU to the interface's MTU, so a larger MTU of a route would fragment each
            // packet.
            route.mtu = route.mtu.map { min($0, mtu) }
            return route
        }
        return fitting.filter { $0.gateway == nil } + fitting.filter { $0.gateway != nil }
    }

    /// The program that drops forbidden packets; nil if every packet may leave.
    var outgoingProgram: FrameProgram? {
        .dropping(forbidden.map { Restriction($0.network, openPorts: []) } + restricted)
    }

    /// The policies that let only the node send to the tunnel.
    var inboundPolicies: Set<InboundPolicy> {
        InboundPolicy.only(tunnel.remote, to: UInt16(clamping: tunnel.port))
    }
}
