internal import CNetlink
internal import Glibc

/// A route and its interface.
struct LinkRoute: Hashable {
    var route: PodRoute
    var interface: CInt
}

extension NetlinkSocket {
    /// The unicast routes of the main table, of both IP families, in the kernel's order.
    func routes() throws(PodNetworkError) -> [LinkRoute] {
        let all = try unsafe list(
            NetlinkCall(.route, "list", "The routes"),
            { unsafe rtnl_route_alloc_cache(pointer, AF_UNSPEC, 0, $0) },
            { unsafe Self.linkRoutes(cnetlink_as_route($0)) })
        return all.flatMap(\.self)
    }

    private static func linkRoutes(_ route: OpaquePointer) -> [LinkRoute] {
        guard unsafe rtnl_route_get_table(route) == UInt32(RT_TABLE_MAIN.rawValue),
            unsafe rtnl_route_get_type(route) == UInt8(RTN_UNICAST),
            // The list excludes the kernel's cached routes to single destinations.
            unsafe rtnl_route_get_flags(route) & UInt32(RTM_F_CLONED) == 0
        else { return [] }
        let isVersion6 = unsafe rtnl_route_get_family(route) == UInt8(AF_INET6)
        let everything = isVersion6 ? NetPrefix.allVersion6 : NetPrefix.allVersion4
        var mtu: UInt32 = 0
        let hasMTU = unsafe rtnl_route_get_metric(route, CInt(RTAX_MTU), &mtu) == 0
        return unsafe (0..<rtnl_route_get_nnexthops(route)).compactMap { number in
            guard let hop = unsafe rtnl_route_nexthop_n(route, number) else { return nil }
            let flags = unsafe rtnl_route_nh_get_flags(hop) | rtnl_route_get_flags(route)
            let pod = unsafe PodRoute(
                to: netPrefix(rtnl_route_get_dst(route)) ?? everything,
                through: netAddress(rtnl_route_nh_get_gateway(hop)).flatMap { $0.isUnspecified ? nil : $0 },
                from: netAddress(rtnl_route_get_pref_src(route)),
                origin: PodRoute.Origin(rawValue: rtnl_route_get_protocol(route)),
                scope: PodRoute.Scope(rawValue: rtnl_route_get_scope(route)),
                priority: rtnl_route_get_priority(route), isOnLink: flags & UInt32(RTNH_F_ONLINK) != 0,
                mtu: hasMTU ? Int(mtu) : nil)
            return unsafe LinkRoute(route: pod, interface: rtnl_route_nh_get_ifindex(hop))
        }
    }

    /// The interface by which the kernel sends to `address`, and the path's MTU if the kernel knows it.
    func lookUpRoute(to address: NetAddress) throws(PodNetworkError) -> (interface: CInt, mtu: Int?) {
        var found: OpaquePointer?
        try perform(NetlinkCall(.route, "look up", "The route to \(address)")) {
            unsafe withAddress(address) { target in
                unsafe rtnl_route_put(found)
                unsafe found = nil
                return unsafe rtnl_route_lookup(pointer, target, &found)
            }
        }
        guard let route = unsafe found else { return (0, nil) }
        defer { unsafe rtnl_route_put(route) }
        var mtu: UInt32 = 0
        let hasMTU = unsafe rtnl_route_get_metric(route, CInt(RTAX_MTU), &mtu) == 0
        let hop = unsafe rtnl_route_nexthop_n(route, 0)
        return unsafe (hop.map { unsafe rtnl_route_nh_get_ifindex($0) } ?? 0, hasMTU ? Int(mtu) : nil)
    }

    /// Adds a route over `link`. It replaces a route with the same destination and priority.
    package func add(_ route: PodRoute, over link: Link) throws(PodNetworkError) {
        try perform(NetlinkCall(.route, "add", "The route to \(route)")) {
            // In IPv6 several gateways may share a destination, and replacing would remove the others.
            let mode = route.destination.address.isVersion6 ? NLM_F_APPEND : NLM_F_REPLACE
            return unsafe withRoute(route, link) { unsafe rtnl_route_add(pointer, $0, NLM_F_CREATE | mode) }
        }
    }

    /// Removes a route; false if it did not exist.
    @discardableResult
    func remove(_ route: PodRoute, over link: Link) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.route, "remove", "The route to \(route)")) {
                unsafe withRoute(route, link) { unsafe rtnl_route_delete(pointer, $0, 0) }
            }
            return true
        } catch  where error.errno == ESRCH || error.errno == ENOENT {
            return false
        }
    }

    private func withRoute(_ route: PodRoute, _ link: Link, _ body: (OpaquePointer) -> CInt) -> CInt {
        guard let object = unsafe rtnl_route_alloc(), let hop = unsafe rtnl_route_nh_alloc() else { return -NLE_NOMEM }
        defer { unsafe rtnl_route_put(object) }
        unsafe rtnl_route_nh_set_ifindex(hop, link.index)
        if let gateway = route.gateway { unsafe withAddress(gateway) { unsafe rtnl_route_nh_set_gateway(hop, $0) } }
        if route.isOnLink { unsafe rtnl_route_nh_set_flags(hop, UInt32(RTNH_F_ONLINK)) }
        // After this call the route owns the hop.
        unsafe rtnl_route_add_nexthop(object, hop)
        unsafe rtnl_route_set_table(object, UInt32(RT_TABLE_MAIN.rawValue))
        unsafe rtnl_route_set_scope(object, route.scope.rawValue)
        unsafe rtnl_route_set_protocol(object, route.origin.rawValue)
        unsafe rtnl_route_set_type(object, UInt8(RTN_UNICAST))
        if route.priority != 0 { unsafe rtnl_route_set_priority(object, route.priority) }
        var result = unsafe rtnl_route_set_family(object, UInt8(route.destination.address.family))
        if result >= 0 { result = unsafe withAddress(route.destination) { unsafe rtnl_route_set_dst(object, $0) } }
        if result >= 0, let source = route.source {
            result = unsafe withAddress(source) { unsafe rtnl_route_set_pref_src(object, $0) }
        }
        if result >= 0, let mtu = route.mtu {
            result = unsafe rtnl_route_set_metric(object, CInt(RTAX_MTU), UInt32(mtu))
        }
        return unsafe result < 0 ? result : body(object)
    }
}

extension NetlinkSocket {
    /// The `rtm_protocol` of the adaptor's prohibitions; no routing daemon uses it.
    private static let mark: UInt8 = 80

    /// The destinations that the adaptor has forbidden in the main table.
    func prohibitions() throws(PodNetworkError) -> [NetPrefix] {
        try unsafe list(
            NetlinkCall(.route, "list", "The prohibitions"),
            { unsafe rtnl_route_alloc_cache(pointer, AF_UNSPEC, 0, $0) },
            { object -> NetPrefix? in
                let route = unsafe cnetlink_as_route(object)
                guard unsafe rtnl_route_get_table(route) == UInt32(RT_TABLE_MAIN.rawValue),
                    unsafe rtnl_route_get_type(route) == UInt8(RTN_PROHIBIT),
                    unsafe rtnl_route_get_protocol(route) == Self.mark
                else { return nil }
                let isVersion6 = unsafe rtnl_route_get_family(route) == UInt8(AF_INET6)
                return unsafe netPrefix(rtnl_route_get_dst(route)) ?? (isVersion6 ? .allVersion6 : .allVersion4)
            })
    }

    /// Makes the kernel refuse all packets to `prefix`, before all other routes.
    func prohibit(_ prefix: NetPrefix) throws(PodNetworkError) {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.route, "add", "The prohibition of \(prefix)")) {
                unsafe withProhibition(prefix) { unsafe rtnl_route_add(pointer, $0, NLM_F_CREATE | NLM_F_REPLACE) }
            }
        } catch  where prefix.address.isVersion6 && [EAFNOSUPPORT, EOPNOTSUPP].contains(error.errno) {
            // A kernel without IPv6 sends no such packets.
        }
    }

    /// Removes a prohibition; false if it did not exist.
    @discardableResult
    func permit(_ prefix: NetPrefix) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.route, "remove", "The prohibition of \(prefix)")) {
                unsafe withProhibition(prefix) { unsafe rtnl_route_delete(pointer, $0, 0) }
            }
            return true
        } catch  where error.errno == ESRCH || error.errno == ENOENT {
            return false
        }
    }

    private func withProhibition(_ prefix: NetPrefix, _ body: (OpaquePointer) -> CInt) -> CInt {
        guard let route = unsafe rtnl_route_alloc() else { return -NLE_NOMEM }
        defer { unsafe rtnl_route_put(route) }
        unsafe rtnl_route_set_table(route, UInt32(RT_TABLE_MAIN.rawValue))
        unsafe rtnl_route_set_scope(route, UInt8(RT_SCOPE_UNIVERSE.rawValue))
        unsafe rtnl_route_set_protocol(route, Self.mark)
        // IPv6 replaces 0 with 1024, which is not the highest priority.
        if prefix.address.isVersion6 { unsafe rtnl_route_set_priority(route, 1) }
        var result = unsafe rtnl_route_set_type(route, UInt8(RTN_PROHIBIT))
        if result >= 0 { result = unsafe rtnl_route_set_family(route, UInt8(prefix.address.family)) }
        if result >= 0 { result = unsafe withAddress(prefix.network) { unsafe rtnl_route_set_dst(route, $0) } }
        return unsafe result < 0 ? result : body(route)
    }
}
