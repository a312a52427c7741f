/// The limits of a plan. A plan beyond them would fail during the set-up, or would give another network.
enum PlanCheck {
    /// The limit of routes. CNI plugins make fewer routes; each route costs kernel memory.
    static let routeLimit = 1024
    static let addressLimit = 64
    static let neighborLimit = 1024
    /// The limit of prohibitions, and of the VM's own services.
    static let exceptionLimit = 64

    /// The kernel truncates a name that is longer than 15 bytes, without an error.
    static func interface(_ name: String) throws(PodNetworkError) {
        let isValid =
            (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
        guard isValid else {
            throw .invalidPlan(
                "the interface name \(String(reflecting: name))",
                "an interface's name has 1 to 15 bytes, without blanks, '/' and ':'",
                NetworkRemedy.podInterfaceName)
        }
        if name == "lo" {
            throw .invalidPlan(
                "the interface name \"lo\"", "the loopback interface has it",
                NetworkRemedy.podInterfaceName)
        }
    }

    static func tunnel(_ tunnel: Tunnel) throws(PodNetworkError) {
        let what = "\(tunnel)"
        guard (1...0xFF_FFFF).contains(tunnel.identifier) else {
            throw .invalidPlan(what, "a VXLAN identifier is 1 to 16777215", "Choose another -vxlan-min-id.")
        }
        guard (1...65_535).contains(tunnel.port) else {
            throw .invalidPlan(what, "a UDP port is 1 to 65535", "Choose another -vxlan-port.")
        }
        for address in [tunnel.remote, tunnel.local].compactMap(\.self) {
            if address.isUnspecified || address.isMulticast || address.isLoopback {
                throw .invalidPlan(
                    what, "\(address) is not the address of a host", "Check where the address comes from.")
            }
        }
        if let local = tunnel.local, local.isVersion6 != tunnel.remote.isVersion6 {
            throw .invalidPlan(
                what, "its addresses are of different IP families",
                "Give both sides an IPv4 address, or both an IPv6 address.")
        }
    }

    static func mtu(_ mtu: Int, carriesVersion6: Bool) throws(PodNetworkError) {
        // The minimum MTU of every link by RFC 791 and RFC 8200, section 5.
        let least = carriesVersion6 ? 1280 : 68
        guard (least...65_535).contains(mtu) else {
            throw .invalidPlan(
                "the MTU \(mtu)",
                "IPv\(carriesVersion6 ? 6 : 4) needs \(least) to 65535 bytes",
                "Raise the MTU of the pod's interface, and of the interface that the tunnel uses.")
        }
    }
}

extension GuestNetworkPlan {
    /// - Throws: ``PodNetworkError`` (`invalidPlan`) if the plan is not possible for a pod's network.
    public func check() throws(PodNetworkError) {
        let advice =
            "The node describes the pod's network in apf.json: check the network of the pod's namespace on the node."
        func refuse(_ object: String, _ reason: String) -> PodNetworkError { .invalidPlan(object, reason, advice) }
        try PlanCheck.interface(interface)
        try PlanCheck.tunnel(tunnel)
        try PlanCheck.mtu(mtu, carriesVersion6: addresses.contains { $0.address.isVersion6 && !$0.address.isLinkLocal })
        guard hardwareAddress.isUnicast else {
            throw refuse("the Ethernet address \(hardwareAddress)", "no interface can have it")
        }
        guard addresses.contains(where: { !($0.address.isVersion6 && $0.address.isLinkLocal) }) else {
            throw refuse("the pod's interface \(interface)", "it has no address")
        }
        for (count, limit, what) in [
            (addresses.count, PlanCheck.addressLimit, "addresses"), (routes.count, PlanCheck.routeLimit, "routes"),
            (neighbors.count, PlanCheck.neighborLimit, "neighbours"),
            (forbidden.count + restricted.count, PlanCheck.exceptionLimit, "prohibitions"),
            (restricted.flatMap(\.openPorts).count, PlanCheck.exceptionLimit, "ports of restricted hosts"),
            (ownServices.count, PlanCheck.exceptionLimit, "services of the VM"),
        ] where count > limit {
            throw refuse("the pod's \(what)", "there are \(count), and a pod may have \(limit)")
        }
        for prefix in addresses {
            let address = prefix.address
            if address.isUnspecified || address.isMulticast || address.isLoopback || prefix.length == 0 {
                throw refuse("the pod's address \(prefix)", "it is not the address of a host with a prefix length")
            }
        }
        if Set(addresses.map(\.address)).count != addresses.count {
            throw refuse("the pod's addresses", "one of them occurs twice")
        }
        for route in routes { try check(route, refuse) }
        for neighbor in neighbors where neighbor.address.isUnspecified || neighbor.address.isMulticast {
            throw refuse("the pod's neighbour \(neighbor)", "it is not a host")
        }
        try checkExceptions()
    }

    private func checkExceptions() throws(PodNetworkError) {
        let advice =
            "This comes from the VM's configuration, not from the node: correct the options of the forwarder."
        let gateways = routes.filter { !$0.isOnLink }.compactMap(\.gateway)
        for prefix in forbidden + restricted.map(\.prefix) {
            for address in addresses.map(\.address) + gateways where prefix.contains(address) {
                throw .invalidPlan("the prohibition of \(prefix)", "the pod's network needs \(address)", advice)
            }
        }
        for address in ownServices {
            if address.isUnspecified || address.isMulticast || address.isLoopback {
                throw .invalidPlan("the VM's own service at \(address)", "that is not the address of a host", advice)
            }
            if addresses.contains(where: { $0.address == address }) || routes.contains(where: { $0.gateway == address })
            {
                throw .invalidPlan("the VM's own service at \(address)", "the pod's network has that address", advice)
            }
        }
        if Set(ownServices).count != ownServices.count {
            throw .invalidPlan("the VM's own services", "one of them occurs twice", advice)
        }
    }

    private func check(_ route: PodRoute, _ refuse: (String, String) -> PodNetworkError) throws(PodNetworkError) {
        let isVersion6 = route.destination.address.isVersion6
        for address in [route.gateway, route.source].compactMap(\.self) {
            guard address.isVersion6 == isVersion6 else {
                throw refuse("the pod's route to \(route)", "\(address) is of the other IP family")
            }
            if address.isUnspecified || address.isMulticast || address.isLoopback {
                throw refuse("the pod's route to \(route)", "\(address) is not the address of a host")
            }
        }
        if route.destination.address.isLoopback {
            throw refuse("the pod's route to \(route)", "it would replace the loopback route")
        }
        if let mtu = route.mtu, !((isVersion6 ? 1280 : 68)...65_535).contains(mtu) {
            throw refuse("the pod's route to \(route)", "\(mtu) is not a valid MTU")
        }
        if let source = route.source, !addresses.contains(where: { $0.address == source }) {
            throw refuse("the pod's route to \(route)", "\(source) is not an address of the pod")
        }
    }
}
