public import PodNetwork

extension PodNetworkDescription {
    /// Describes `plan` for the VM that executes it.
    ///
    /// `node` is the tunnel's other end, with the length of its network's prefix. The description contains the whole
    /// plan except the tunnel's source address (only the VM knows it) and scopes of routes that have no name.
    /// Properties that would make Go's guest fail have keys that Go's guest ignores.
    public init(_ plan: GuestNetworkPlan, node: NetPrefix, index: Int, isDedicated: Bool) {
        let primary =
            plan.addresses.first { !($0.address.isVersion6 && $0.address.isLinkLocal) } ?? plan.addresses.first ?? node
        self.init(
            podAddress: primary, hardwareAddress: plan.hardwareAddress, interface: plan.interface, nodeAddress: node,
            mtu: plan.mtu)
        if plan.addresses != [primary] { addresses = plan.addresses }
        if plan.mtu > Self.customaryMTU { tunnelMTU = plan.mtu }
        let isVersion6 = primary.address.isVersion6
        for route in plan.routes {
            // Of several routes to one destination, Go's guest can have only the best.
            let isOutdone = plan.routes.contains {
                $0.destination == route.destination && $0.priority < route.priority
            }
            let isFurther =
                isOutdone || route.destination.address.isVersion6 != isVersion6
                || routes.contains { $0.destination == route.destination }
            if isFurther {
                furtherRoutes.append(Route(route, over: plan.interface))
            } else {
                routes.append(Route(route, over: plan.interface))
            }
        }
        for neighbor in plan.neighbors {
            let entry = Neighbor(neighbor.address, is: neighbor.hardwareAddress, on: plan.interface)
            if neighbor.address.isVersion6 == isVersion6 {
                neighbors.append(entry)
            } else {
                furtherNeighbors.append(entry)
            }
        }
        self.index = index
        vxlanPort = plan.tunnel.port
        vxlanID = Int(plan.tunnel.identifier)
        self.isDedicated = isDedicated
    }

    /// The plan of the VM's end.
    ///
    /// For a description by Go, it is the network that Go's guest would set up. The caller must still fit the plan to
    /// the VM's own interface.
    /// - Throws: ``PodNetworkError`` (`invalidPlan`) if the plan is not possible for a pod's network.
    public func plan() throws(PodNetworkError) -> GuestNetworkPlan {
        guard addresses.isEmpty || addresses.contains(podAddress) else {
            throw Self.absurd("the pod's addresses", "\(podAddress) is not among them")
        }
        let plan = GuestNetworkPlan(
            interface: interface, hardwareAddress: hardwareAddress,
            mtu: tunnelMTU != 0 ? tunnelMTU : min(mtu, Self.customaryMTU),
            addresses: addresses.isEmpty ? [podAddress] : addresses,
            routes: (routes + furtherRoutes).map(\.planned),
            // The VM resolves neighbours in other states itself.
            neighbors: (neighbors + furtherNeighbors).filter { $0.state == .permanent && $0.device == interface }.map {
                PodNeighbor($0.address, is: $0.hardwareAddress)
            },
            tunnel: Tunnel(UInt32(clamping: vxlanID), port: vxlanPort, to: nodeAddress.address))
        try plan.check()
        for device in routes.map(\.device) + furtherRoutes.map(\.device) where !device.isEmpty && device != interface {
            throw Self.absurd("one of the pod's routes", "it leads over \(device), and the pod has only \(interface)")
        }
        return plan
    }

    private static func absurd(_ object: String, _ reason: String) -> PodNetworkError {
        PodNetworkError(
            .invalidPlan, object, reason,
            "The node describes the pod's network in apf.json: look at what its adaptor found there.")
    }
}

extension PodNetworkDescription.Route {
    fileprivate init(_ route: PodRoute, over interface: String) {
        self.init(to: route.destination, through: route.gateway)
        device = interface
        `protocol` = route.origin.name.flatMap { PodNetworkDescription.RouteProtocol(rawValue: $0) }
        if `protocol` == nil { origin = route.origin.rawValue }
        scope = route.scope.name.flatMap { PodNetworkDescription.RouteScope(rawValue: $0) } ?? .universe
        priority = route.priority
        source = route.source
        isOnLink = route.isOnLink
        mtu = route.mtu ?? 0
    }

    fileprivate var planned: PodRoute {
        // Go writes a default route of both families without a destination.
        let everything = gateway?.isVersion6 == true ? NetPrefix.allVersion6 : .allVersion4
        let named = `protocol`.flatMap { PodRoute.Origin(name: $0.rawValue) }
        return PodRoute(
            to: destination ?? everything, through: gateway, from: source,
            // Go's netlink library writes this for an unspecified value.
            origin: named ?? (origin == 0 ? .boot : PodRoute.Origin(rawValue: origin)),
            scope: PodRoute.Scope(name: scope.rawValue), priority: priority, isOnLink: isOnLink,
            mtu: mtu == 0 ? nil : mtu)
    }
}
