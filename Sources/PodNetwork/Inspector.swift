/// Finds a pod's interface and the underlay's.
enum Inspector {
    /// The pod's interface in the namespace of `socket`.
    static func pod(_ socket: NetlinkSocket) throws(PodNetworkError) -> PodInterface {
        let routes = try socket.routes()
        let primary = try primaryLink(socket, routes, NetworkRemedy.pod)
        let addresses = try socket.addresses(of: primary)
        guard addresses.contains(where: \.isOfHost) else {
            throw PodNetworkError(
                .noPrimaryInterface, "The interface \(primary.name) in \(socket.place)", "it has no address",
                NetworkRemedy.pod)
        }
        guard let hardwareAddress = primary.hardwareAddress, hardwareAddress.isUnicast else {
            throw PodNetworkError(
                .noPrimaryInterface, "The interface \(primary.name) in \(socket.place)", "it has no Ethernet address",
                "A tunnel can replace only an Ethernet interface: use a CNI plugin that makes one.")
        }
        return PodInterface(
            name: primary.name, hardwareAddress: hardwareAddress, mtu: primary.mtu, addresses: addresses,
            routes: routes.filter { $0.interface == primary.index }.map(\.route),
            neighbors: try socket.permanentNeighbors(on: primary).filter { !$0.address.isMulticast })
    }

    /// The interface for outer packets: the named interface, or the default route's.
    ///
    /// With a peer, its MTU is the MTU of the path to the peer.
    static func underlay(
        _ socket: NetlinkSocket, named name: String, toward peer: NetAddress?, isDedicated: Bool? = nil
    ) throws(PodNetworkError) -> Underlay {
        var named: Link?
        if !name.isEmpty {
            named = try socket.link(named: name)
            guard named != nil else {
                throw PodNetworkError(
                    .noPrimaryInterface, "The interface \(name) in \(socket.place)", "it does not exist",
                    "Correct -host-interface ('ip link' lists the interfaces).")
            }
        }
        var primary: Link?
        if named == nil || isDedicated == nil {
            do throws(PodNetworkError) {
                primary = try primaryLink(socket, try socket.routes(), NetworkRemedy.underlay)
            } catch  where error.code == .noPrimaryInterface && named != nil {}
        }
        guard let link = named ?? primary else {
            preconditionFailure("without a name, the primary interface was found")
        }
        var mtu = link.mtu
        if let peer {
            let route = try socket.lookUpRoute(to: peer)
            if let over = try route.interface == link.index ? link : socket.link(index: route.interface) {
                mtu = over.mtu
            }
            if let known = route.mtu { mtu = min(mtu, known) }
        }
        return Underlay(
            interface: link.name, mtu: mtu, addresses: try socket.addresses(of: link).filter(\.isOfHost),
            isDedicated: named != nil && (isDedicated ?? (named?.index != primary?.index)))
    }

    /// The interface of the default route; without a default route, the only interface with an address.
    private static func primaryLink(
        _ socket: NetlinkSocket, _ routes: [LinkRoute], _ advice: String
    ) throws(PodNetworkError) -> Link {
        // A node has an interface for each of its pods, so they are listed only for an error.
        func names(_ indices: Set<CInt>) throws(PodNetworkError) -> String {
            try socket.links().filter { indices.contains($0.index) }.map(\.name).sorted().joined(separator: ", ")
        }
        for isVersion6 in [false, true] {
            let defaults = routes.filter {
                $0.route.destination.isEverything && $0.route.destination.address.isVersion6 == isVersion6
            }
            guard let best = defaults.map(\.route.priority).min() else { continue }
            let indices = Set(defaults.filter { $0.route.priority == best }.map(\.interface))
            guard indices.count == 1, let index = indices.first, let link = try socket.link(index: index) else {
                throw PodNetworkError(
                    .noPrimaryInterface, "The default route in \(socket.place)",
                    "several interfaces have one with the same priority: \(try names(indices))", advice)
            }
            return link
        }
        var candidates: [Link] = []
        for link in try socket.links() where !link.isLoopback && link.isUp && link.vxlan == nil {
            if try socket.addresses(of: link).contains(where: \.isOfHost) { candidates.append(link) }
        }
        guard let only = candidates.first, candidates.count == 1 else {
            let found = candidates.isEmpty ? "no interface with an address" : try names(Set(candidates.map(\.index)))
            throw PodNetworkError(
                .noPrimaryInterface, "The primary interface in \(socket.place)",
                "there is no default route, and the candidates are: \(found)", advice)
        }
        return only
    }
}

extension NetPrefix {
    /// Whether other hosts can reach a host by this address.
    fileprivate var isOfHost: Bool {
        !address.isLoopback && !address.isMulticast && !(address.isVersion6 && address.isLinkLocal)
    }
}
