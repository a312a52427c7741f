/// What the VM's end of a pod's network is to look like, as a value.
///
/// The tunnel's interface, born in the VM's namespace and moved into the pod's, bears the name, the Ethernet address and
/// everything else of the pod's interface on the node.
public struct GuestNetworkPlan: Equatable, Sendable {
    /// The interface's name in the pod's namespace.
    public var interface: String
    /// Its Ethernet address.
    public var hardwareAddress: LinkAddress
    /// Its largest packet, in bytes.
    public var mtu: Int
    /// Its addresses, the primary one first.
    public var addresses: [NetPrefix]
    /// The routes over it.
    public var routes: [PodRoute]
    /// Its permanent neighbours.
    public var neighbors: [PodNeighbor]
    /// The tunnel to the node.
    public var tunnel: Tunnel
    /// Where nothing may go that the pod sends, such as the metadata services of the VM and of the node: whoever tries hears
    /// at once that it is prohibited. Routes of the pod that lead there are left out.
    ///
    /// That holds for sockets bound to the pod's interface too; it does not for a process that may change the network
    /// (`CAP_NET_ADMIN`), or hand frames of its own to the interface (`CAP_NET_RAW`).
    public var forbidden: [NetPrefix] = []
    /// Hosts that the pod may reach only at some ports: packets for others do not leave. No route is left out.
    public var restricted: [Restriction] = []
    /// Addresses that a service of the VM itself answers at inside of the pod's namespace, and nothing outside of it.
    public var ownServices: [NetAddress] = []

    /// A plan that is said whole.
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

    /// The plan for the VM of `pod`, whose node is at the tunnel's other end.
    ///
    /// `podSubnets` are reached the way that everything else is: through the pod's gateway. `vm` need not be known yet;
    /// it decides only whether the tunnel is over IPv4 or IPv6.
    /// - Throws: ``PodNetworkError`` (`invalidPlan`).
    public init(
        for pod: PodInterface, over underlay: Underlay, identifier: UInt32, port: Int, podSubnets: [NetPrefix] = [],
        vm: NetAddress? = nil
    ) throws(PodNetworkError) {
        guard let node = underlay.address(toward: vm) else {
            throw .invalidPlan(
                "the node's end of the tunnel", "\(underlay.interface) has no address that the VM could send to",
                "Give \(underlay.interface) one, or name another interface with -host-interface.")
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
            guard let way = gateways.min(by: { $0.priority < $1.priority }) else {
                throw .invalidPlan(
                    "the pod subnet \(subnet)",
                    "the pod has no IPv\(subnet.address.isVersion6 ? 6 : 4) default route whose gateway could lead there",
                    "Take it out of -pod-subnet-cidrs.")
            }
            let isThere = routes.contains { $0.destination == subnet.network }
            if isThere { continue }
            routes.append(PodRoute(to: subnet, through: way.gateway, isOnLink: way.isOnLink))
        }
        try check()
    }

    /// The same, no larger than what the VM's own interface carries.
    public func fitting(_ underlay: Underlay) -> GuestNetworkPlan {
        var plan = self
        plan.mtu = tunnel.mtu(pod: mtu, underlay: underlay.mtu)
        return plan
    }

    /// The routes that are made, in an order the kernel takes: a gateway has to be on the link before anything can go
    /// through it.
    var orderedRoutes: [PodRoute] {
        let wanted = routes.map(\.normalized).filter { route in
            !forbidden.contains { $0.contains(route.destination) }
        }
        let fitting = wanted.map { route in
            var route = route
            // To the kernel a route's MTU counts more than the interface's: each packet would be cut in two on its way.
            route.mtu = route.mtu.map { min($0, mtu) }
            return route
        }
        return fitting.filter { $0.gateway == nil } + fitting.filter { $0.gateway != nil }
    }

    /// Drops what may not leave; nil if everything may.
    var outgoingProgram: FrameProgram? {
        .dropping(forbidden.map { Restriction($0.network, openPorts: []) } + restricted)
    }

    /// Lets only the node send to the tunnel.
    var inboundPolicies: Set<InboundPolicy> {
        InboundPolicy.only(tunnel.remote, to: UInt16(clamping: tunnel.port))
    }
}
