internal import CNetlink
internal import Glibc
package import LinuxIO

/// An interface.
package struct Link: Equatable, Sendable {
    /// The parameters of a VXLAN interface.
    package struct VXLAN: Equatable, Sendable, CustomStringConvertible {
        /// The VXLAN network identifier (VNI), 0 to 2^24-1.
        package var identifier: UInt32
        /// The UDP port, in host byte order.
        package var port: Int
        /// The address to which packets go without a forwarding entry; nil: none.
        package var remote: NetAddress?
        /// The source address of outer packets; nil: the kernel chooses one.
        package var local: NetAddress?
        /// Whether each packet has its own identifier (`external`), as with Cilium.
        var isExternal: Bool
        /// The limit of learnt addresses; nil if it does not learn.
        var learningLimit: UInt32?

        /// The identifier, the remote end and the port, for messages.
        package var description: String {
            "VXLAN \(identifier) to \(remote?.description ?? "any host"), UDP port \(port)"
        }
    }

    /// The link's index in its namespace.
    package var index: CInt
    /// The name in its namespace, at most 15 bytes.
    package var name: String
    /// The link's alias (`ip link set dev … alias`); empty if it has none.
    package var note: String
    /// The kind, such as `veth`; empty if the kernel does not report it.
    package var kind: String
    /// The MTU in bytes.
    package var mtu: Int
    /// The MAC address; nil for an interface without one.
    package var hardwareAddress: LinkAddress?
    /// Whether it was brought up (`IFF_UP`).
    package var isUp: Bool
    /// Whether it transmits packets (`IF_OPER_UP`). This begins some time after it is up.
    package var isRunning: Bool
    /// Whether it is a loopback interface (`IFF_LOOPBACK`).
    package var isLoopback: Bool
    /// The index of its bridge; 0 if it has none.
    package var master: CInt
    /// The index of a veth's peer in the peer's namespace; else the index of the interface below, or 0.
    package var peer: CInt
    /// The parameters of a VXLAN interface; nil for another kind.
    package var vxlan: VXLAN?

    init?(_ link: OpaquePointer) {
        guard let name = unsafe rtnl_link_get_name(link) else { return nil }
        unsafe self.name = String(cString: name)
        unsafe index = rtnl_link_get_ifindex(link)
        unsafe note = rtnl_link_get_ifalias(link).map { unsafe String(cString: $0) } ?? ""
        unsafe kind = rtnl_link_get_type(link).map { unsafe String(cString: $0) } ?? ""
        unsafe mtu = Int(rtnl_link_get_mtu(link))
        unsafe hardwareAddress = bytes(of: rtnl_link_get_addr(link)).flatMap(LinkAddress.init(bytes:))
        let flags = unsafe rtnl_link_get_flags(link)
        isUp = flags & UInt32(IFF_UP) != 0
        unsafe isRunning = isUp && rtnl_link_get_operstate(link) == 6  // IF_OPER_UP
        isLoopback = flags & UInt32(IFF_LOOPBACK) != 0
        unsafe master = rtnl_link_get_master(link)
        unsafe peer = rtnl_link_get_link(link)
        if unsafe rtnl_link_is_vxlan(link) != 0 {
            var (identifier, port): (UInt32, UInt32) = (0, 0)
            var (remote, local): (OpaquePointer?, OpaquePointer?)
            unsafe _ = rtnl_link_vxlan_get_id(link, &identifier)
            unsafe _ = rtnl_link_vxlan_get_port(link, &port)
            if unsafe rtnl_link_vxlan_get_group(link, &remote) < 0 { unsafe remote = nil }
            if unsafe rtnl_link_vxlan_get_local(link, &local) < 0 { unsafe local = nil }
            var limit: UInt32 = 0
            unsafe _ = rtnl_link_vxlan_get_limit(link, &limit)
            vxlan = unsafe VXLAN(
                identifier: identifier, port: Int(port), remote: netAddress(remote), local: netAddress(local),
                isExternal: rtnl_link_vxlan_get_collect_metadata(link) == 1,
                learningLimit: rtnl_link_vxlan_get_learning(link) == 1 ? limit : nil)
            unsafe nl_addr_put(remote)
            unsafe nl_addr_put(local)
        }
    }

    /// Whether this is the endpoint of exactly this tunnel.
    func isEndpoint(of tunnel: Tunnel) -> Bool {
        guard let vxlan else { return false }
        return vxlan.identifier == tunnel.identifier && vxlan.port == tunnel.port && vxlan.remote == tunnel.remote
            && vxlan.local == tunnel.local && !vxlan.isExternal
    }
}

extension NetlinkSocket {
    /// The interface with this name; nil if there is none.
    package func link(named name: String) throws(PodNetworkError) -> Link? {
        try link(NetlinkCall(.link, "find", "The interface \(name)"), 0, name)
    }

    /// The interface with this index; nil if there is none.
    package func link(index: CInt) throws(PodNetworkError) -> Link? {
        try link(NetlinkCall(.link, "find", "The interface number \(index)"), index, nil)
    }

    private func link(_ call: NetlinkCall, _ index: CInt, _ name: String?) throws(PodNetworkError) -> Link? {
        var found: OpaquePointer?
        do throws(PodNetworkError) {
            try perform(call) {
                unsafe rtnl_link_put(found)
                return unsafe rtnl_link_get_kernel(pointer, index, name, &found)
            }
        } catch  where error.errno == ENODEV {
            return nil
        }
        guard let link = unsafe found else { return nil }
        defer { unsafe rtnl_link_put(link) }
        return unsafe Link(link)
    }

    /// Every interface.
    package func links() throws(PodNetworkError) -> [Link] {
        try unsafe list(
            NetlinkCall(.link, "list", "The interfaces"),
            { unsafe rtnl_link_alloc_cache(pointer, AF_UNSPEC, $0) },
            { unsafe Link(cnetlink_as_link($0)) })
    }

    /// An interface's packet counters.
    func counters(of link: Link) throws(PodNetworkError) -> NodeNetworkState.Counters {
        var counters = NodeNetworkState.Counters()
        var found: OpaquePointer?
        try perform(NetlinkCall(.link, "count the packets of", "The interface \(link.name)")) {
            unsafe rtnl_link_get_kernel(pointer, link.index, nil, &found)
        }
        guard let object = unsafe found else { return counters }
        defer { unsafe rtnl_link_put(object) }
        let count = { (what: rtnl_link_stat_id_t) in unsafe rtnl_link_get_stat(object, what) }
        counters.received.packets = count(RTNL_LINK_RX_PACKETS)
        counters.received.bytes = count(RTNL_LINK_RX_BYTES)
        counters.received.dropped = count(RTNL_LINK_RX_DROPPED) + count(RTNL_LINK_RX_ERRORS)
        counters.sent.packets = count(RTNL_LINK_TX_PACKETS)
        counters.sent.bytes = count(RTNL_LINK_TX_BYTES)
        counters.sent.dropped = count(RTNL_LINK_TX_DROPPED) + count(RTNL_LINK_TX_ERRORS)
        return counters
    }

    /// Makes a tunnel's endpoint in `podNamespace`, down. Its outer packets use the namespace of this socket.
    ///
    /// It is one request, so the interface never appears in this namespace. With `address` nil the kernel chooses an
    /// address. `learningLimit` is the maximum number of inner addresses that the interface learns; nil means that it
    /// learns none.
    func createTunnel(
        _ tunnel: Tunnel, named name: String, address: LinkAddress?, mtu: Int, learningLimit: UInt32? = nil,
        in podNamespace: NetworkNamespace
    ) throws(PodNetworkError) {
        let call = NetlinkCall(.tunnel, "create", "The interface \(name) (\(tunnel))")
        try perform(call) {
            guard let link = unsafe rtnl_link_vxlan_alloc() else { return -NLE_NOMEM }
            defer { unsafe rtnl_link_put(link) }
            unsafe rtnl_link_set_name(link, name)
            unsafe rtnl_link_set_mtu(link, UInt32(mtu))
            unsafe rtnl_link_set_ns_fd(link, podNamespace.rawDescriptor)
            if let address { unsafe withAddress(address) { unsafe rtnl_link_set_addr(link, $0) } }
            var results = [
                unsafe rtnl_link_vxlan_set_id(link, tunnel.identifier),
                unsafe rtnl_link_vxlan_set_port(link, UInt32(tunnel.port)),
                unsafe rtnl_link_vxlan_set_learning(link, learningLimit == nil ? 0 : 1),
                unsafe rtnl_link_vxlan_set_limit(link, learningLimit ?? 0),
                unsafe withAddress(tunnel.remote) { unsafe rtnl_link_vxlan_set_group(link, $0) },
            ]
            if let local = tunnel.local {
                unsafe results.append(withAddress(local) { unsafe rtnl_link_vxlan_set_local(link, $0) })
            }
            // libnl does not send an identifier that it rejects, and the kernel would use 0.
            if let failure = results.first(where: { $0 < 0 }) { return failure }
            return unsafe rtnl_link_add(pointer, link, NLM_F_CREATE | NLM_F_EXCL)
        }
    }

    /// Whether an interface with this identifier and port could be made in this namespace. It makes no interface.
    ///
    /// An interface that was made in this namespace keeps its identifier after a move to another namespace, so no list
    /// shows it. The request has an invalid name, because the kernel checks the identifier before the name.
    func isFree(_ identifier: UInt32, port: Int) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.tunnel, "ask for", "The VXLAN identifier \(identifier)")) {
                guard let link = unsafe rtnl_link_vxlan_alloc() else { return -NLE_NOMEM }
                defer { unsafe rtnl_link_put(link) }
                unsafe rtnl_link_set_name(link, ".")
                let results = [
                    unsafe rtnl_link_vxlan_set_id(link, identifier),
                    unsafe rtnl_link_vxlan_set_port(link, UInt32(port)),
                ]
                if let failure = results.first(where: { $0 < 0 }) { return failure }
                return unsafe rtnl_link_add(pointer, link, NLM_F_CREATE | NLM_F_EXCL)
            }
        } catch  where error.errno == EEXIST {
            return false
        } catch  where error.errno == EINVAL {
            // The kernel rejects the name, so the identifier is free.
        }
        return true
    }

    /// Prevents the kernel from adding a link-local address to the interface.
    ///
    /// It is not possible in the request that makes the interface, and it has no effect after the interface is up.
    func disableLinkLocalAddress(_ link: Link) throws(PodNetworkError) {
        let call = NetlinkCall(.linkState, "keep the kernel's own addresses off", "The interface \(link.name)")
        do throws(PodNetworkError) {
            try unsafe change(link, call) { change in
                unsafe rtnl_link_inet6_set_addr_gen_mode(change, UInt8(IN6_ADDR_GEN_MODE_NONE.rawValue))
            }
        } catch  where error.errno == EAFNOSUPPORT || error.errno == EOPNOTSUPP {
            // A kernel without IPv6 adds no such addresses.
        }
    }

    /// Brings an interface up.
    package func bringUp(_ link: Link) throws(PodNetworkError) {
        try unsafe change(link, NetlinkCall(.linkState, "bring up", "The interface \(link.name)")) { change in
            unsafe rtnl_link_set_flags(change, UInt32(IFF_UP))
            return 0
        }
    }

    /// Sets the MTU, in bytes.
    package func setMTU(_ mtu: Int, of link: Link) throws(PodNetworkError) {
        try unsafe change(link, NetlinkCall(.linkState, "set the MTU \(mtu) of", "The interface \(link.name)")) {
            change in
            unsafe rtnl_link_set_mtu(change, UInt32(mtu))
            return 0
        }
    }

    /// Sets the MAC address.
    package func setAddress(_ address: LinkAddress, of link: Link) throws(PodNetworkError) {
        try unsafe change(link, NetlinkCall(.linkState, "set the address \(address) of", "The interface \(link.name)"))
        {
            change in
            unsafe withAddress(address) { unsafe rtnl_link_set_addr(change, $0) }
            return 0
        }
    }

    /// Sets an interface's alias, of up to 255 bytes.
    package func setNote(_ note: String, of link: Link) throws(PodNetworkError) {
        try unsafe change(link, NetlinkCall(.linkState, "set the alias of", "The interface \(link.name)")) { change in
            unsafe rtnl_link_set_ifalias(change, note)
            return 0
        }
    }

    /// Makes an interface a port of a bridge.
    package func setMaster(_ master: Link, of link: Link) throws(PodNetworkError) {
        try unsafe change(link, NetlinkCall(.link, "put into \(master.name)", "The interface \(link.name)")) { change in
            unsafe rtnl_link_set_master(change, master.index)
            return 0
        }
    }

    private func change(
        _ link: Link, _ call: NetlinkCall, _ body: (OpaquePointer) -> CInt
    ) throws(PodNetworkError) {
        try perform(call) {
            guard let old = unsafe rtnl_link_alloc(), let new = unsafe rtnl_link_alloc() else { return -NLE_NOMEM }
            defer {
                unsafe rtnl_link_put(old)
                unsafe rtnl_link_put(new)
            }
            unsafe rtnl_link_set_ifindex(old, link.index)
            let result = unsafe body(new)
            return unsafe result < 0 ? result : rtnl_link_change(pointer, old, new, 0)
        }
    }

    /// Removes an interface with its addresses, routes and rules; false if it did not exist.
    @discardableResult
    package func delete(_ link: Link) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.link, "remove", "The interface \(link.name)")) {
                guard let removed = unsafe rtnl_link_alloc() else { return -NLE_NOMEM }
                defer { unsafe rtnl_link_put(removed) }
                unsafe rtnl_link_set_ifindex(removed, link.index)
                return unsafe rtnl_link_delete(pointer, removed)
            }
            return true
        } catch  where error.errno == ENODEV {
            return false
        }
    }

    /// Makes a veth pair, down, with `peer` in the namespace `other`.
    package func createVethPair(_ name: String, _ peer: String, in other: NetworkNamespace) throws(PodNetworkError) {
        try perform(NetlinkCall(.link, "create", "The interface \(name) (veth)")) {
            guard let link = unsafe rtnl_link_veth_alloc() else { return -NLE_NOMEM }
            defer { unsafe rtnl_link_veth_release(link) }
            unsafe rtnl_link_set_name(link, name)
            let peerLink = unsafe rtnl_link_veth_get_peer(link)
            defer { unsafe rtnl_link_put(peerLink) }
            unsafe rtnl_link_set_name(peerLink, peer)
            unsafe rtnl_link_set_ns_fd(peerLink, other.rawDescriptor)
            return unsafe rtnl_link_add(pointer, link, NLM_F_CREATE | NLM_F_EXCL)
        }
    }

    /// Makes a bridge, down.
    package func createBridge(_ name: String) throws(PodNetworkError) {
        try perform(NetlinkCall(.link, "create", "The bridge \(name)")) {
            unsafe rtnl_link_bridge_add(pointer, name)
        }
    }
}
