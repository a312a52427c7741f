/// The state of the VM's side of a pod's network, and its differences from the plan.
public struct GuestNetworkState: Equatable, Sendable {
    /// The VM's interface for outer packets; nil if there is no route to the node.
    public var underlay: NodeNetworkState.Hop?
    /// The pod's interface; nil if it does not exist.
    public var pod: NodeNetworkState.Hop?
    /// The pod's addresses.
    public var addresses: [NetPrefix] = []
    /// The pod's routes.
    public var routes: [PodRoute] = []
    /// The VXLAN parameters of the pod's interface.
    public var tunnelDescription: String?
    /// Every difference from the plan, as a sentence.
    public var problems: [String] = []

    /// A state with these properties.
    public init(
        underlay: NodeNetworkState.Hop? = nil, pod: NodeNetworkState.Hop? = nil, addresses: [NetPrefix] = [],
        routes: [PodRoute] = [], tunnelDescription: String? = nil, problems: [String] = []
    ) {
        self.underlay = underlay
        self.pod = pod
        self.addresses = addresses
        self.routes = routes
        self.tunnelDescription = tunnelDescription
        self.problems = problems
    }

    /// The interfaces that exist, in the order in which a packet for the pod passes them.
    public var hops: [NodeNetworkState.Hop] { [underlay, pod].compactMap(\.self) }
}

extension GuestNetworkState {
    /// Reads the state in the namespace of `inner`, and the route of `outer` to the node.
    init(
        of plan: GuestNetworkPlan, _ inner: NetlinkSocket, outer: NetlinkSocket, policies: NetlinkSocket
    ) throws(PodNetworkError) {
        self.init()
        underlay = try outer.underlayHop(of: plan.tunnel, carrying: plan.mtu, &problems)
        guard let link = try inner.link(named: plan.interface) else {
            problems.append("The pod's interface \(plan.interface) is missing in the VM: the pod has no network.")
            return
        }
        pod = try inner.hop(link)
        tunnelDescription = link.vxlan.map { "\($0)" }
        addresses = try inner.addresses(of: link)
        routes = try inner.routes().filter { $0.interface == link.index }.map(\.route)
        try compareExceptions(plan, link, inner)
        let name = plan.interface
        if !link.isEndpoint(of: plan.tunnel) {
            problems.append(
                "\(name) in the VM is \(tunnelDescription ?? "not a tunnel"), but the plan is \(plan.tunnel).")
        }
        if try policies.inboundPolicies() != plan.inboundPolicies {
            problems.append("The VM takes the tunnel's packets from hosts other than the node, \(plan.tunnel.remote).")
        }
        if !link.isUp { problems.append("\(name) in the VM is down.") }
        if link.mtu != plan.mtu {
            problems.append("\(name) in the VM has the MTU \(link.mtu), but the plan is \(plan.mtu).")
        }
        if link.hardwareAddress != plan.hardwareAddress {
            let found = link.hardwareAddress.map { "\($0)" } ?? "none"
            problems.append(
                "\(name) in the VM has the Ethernet address \(found), but the plan is \(plan.hardwareAddress).")
        }
        compare("the address", plan.addresses, addresses)
        // Routes that routers announce are not in the plan.
        compare("the route to", plan.orderedRoutes, routes.filter { $0.origin != .routerAdvertisement })
        let neighbors = try inner.permanentNeighbors(on: link).filter { !$0.address.isMulticast }
        compare("the permanent neighbour", plan.neighbors, neighbors)
    }

    private mutating func compareExceptions(
        _ plan: GuestNetworkPlan, _ link: Link, _ inner: NetlinkSocket
    ) throws(PodNetworkError) {
        let prohibitions = Set(try inner.prohibitions())
        let isFiltered = try inner.outgoingProgram(of: link) == plan.outgoingProgram?.bytes
        for prefix in plan.forbidden.map(\.network) where !isFiltered || !prohibitions.contains(prefix) {
            problems.append("The pod can reach \(prefix), which is forbidden: the route or the filter is missing.")
        }
        for restriction in plan.restricted where !isFiltered {
            problems.append(
                "The pod can reach all ports of \(restriction), which is restricted: the filter is missing.")
        }
        let loopback = try inner.link(named: "lo")
        if loopback?.isUp != true { problems.append("The pod's loopback interface is down.") }
        let services = try loopback.map { link throws(PodNetworkError) in try inner.ownServices(link) } ?? []
        for address in plan.ownServices where !services.contains(NetPrefix(only: address)) {
            problems.append("The VM's own service has no address \(address) in the pod.")
        }
    }

    /// Adds missing and unplanned parts to the differences, up to a limit.
    private mutating func compare<Value: Hashable & CustomStringConvertible>(
        _ what: String, _ planned: [Value], _ found: [Value]
    ) {
        let limit = 5
        for (verb, some) in [
            ("is missing in the VM", Set(planned).subtracting(found)),
            ("in the VM is not planned", Set(found).subtracting(planned)),
        ] where !some.isEmpty {
            let names = some.map(\.description).sorted()
            for name in names.prefix(limit) { problems.append("\(what.capitalizedFirst) \(name) \(verb).") }
            if names.count > limit {
                problems.append("\(names.count - limit) more: \(what) … \(verb).")
            }
        }
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
