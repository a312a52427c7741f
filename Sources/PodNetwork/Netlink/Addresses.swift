internal import CNetlink
internal import Glibc

extension NetlinkSocket {
    /// The addresses of an interface, in the kernel's order.
    package func addresses(of link: Link) throws(PodNetworkError) -> [NetPrefix] {
        let listed = try unsafe list(
            NetlinkCall(.address, "list", "The addresses of \(link.name)"),
            { unsafe rtnl_addr_alloc_cache(pointer, $0) },
            { object -> NetPrefix? in
                let address = unsafe cnetlink_as_address(object)
                guard unsafe rtnl_addr_get_ifindex(address) == link.index else { return nil }
                let length = unsafe Int(rtnl_addr_get_prefixlen(address))
                return unsafe netAddress(rtnl_addr_get_local(address)).flatMap { NetPrefix($0, length: length) }
            })
        return listed
    }

    /// Adds an address to an interface.
    ///
    /// The kernel adds no route to its network (unless `hasNetworkRoute`), and does no duplicate address detection in IPv6, because
    /// the pod's interface on the node has the same address.
    package func add(
        _ prefix: NetPrefix, to link: Link, hasNetworkRoute: Bool = false
    ) throws(PodNetworkError) {
        try perform(NetlinkCall(.address, "add", "The address \(prefix) of \(link.name)")) {
            unsafe withAddressObject(prefix, link) { address in
                var flags = prefix.address.isVersion6 ? UInt32(IFA_F_NODAD) : 0
                if !hasNetworkRoute { flags |= UInt32(IFA_F_NOPREFIXROUTE) }
                unsafe rtnl_addr_set_flags(address, flags)
                return unsafe rtnl_addr_add(pointer, address, 0)
            }
        }
    }

    /// Removes an address; false if it did not exist.
    @discardableResult
    func remove(_ prefix: NetPrefix, from link: Link) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.address, "remove", "The address \(prefix) of \(link.name)")) {
                unsafe withAddressObject(prefix, link) { unsafe rtnl_addr_delete(pointer, $0, 0) }
            }
            return true
        } catch  where error.errno == EADDRNOTAVAIL || error.errno == ENODEV {
            return false
        }
    }

    private func withAddressObject(_ prefix: NetPrefix, _ link: Link, _ body: (OpaquePointer) -> CInt) -> CInt {
        guard let address = unsafe rtnl_addr_alloc() else { return -NLE_NOMEM }
        defer { unsafe rtnl_addr_put(address) }
        unsafe rtnl_addr_set_ifindex(address, link.index)
        let result = unsafe withAddress(prefix) { unsafe rtnl_addr_set_local(address, $0) }
        unsafe rtnl_addr_set_prefixlen(address, CInt(prefix.length))
        return unsafe result < 0 ? result : body(address)
    }
}
