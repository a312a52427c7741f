internal import CNetlink
internal import Glibc

extension NetlinkSocket {
    /// The permanent neighbours on an interface.
    func permanentNeighbors(on link: Link) throws(PodNetworkError) -> [PodNeighbor] {
        try unsafe list(
            NetlinkCall(.neighbor, "list", "The neighbours on \(link.name)"),
            { unsafe rtnl_neigh_alloc_cache(pointer, $0) },
            { object -> PodNeighbor? in
                let entry = unsafe cnetlink_as_neighbour(object)
                guard unsafe rtnl_neigh_get_ifindex(entry) == link.index,
                    unsafe rtnl_neigh_get_state(entry) & NUD_PERMANENT != 0,
                    let address = unsafe netAddress(rtnl_neigh_get_dst(entry)),
                    let hardware = unsafe bytes(of: rtnl_neigh_get_lladdr(entry)).flatMap(LinkAddress.init(bytes:))
                else { return nil }
                return PodNeighbor(address, is: hardware)
            })
    }

    /// Adds or replaces a neighbour entry. The entry is permanent; with `forGood` false the kernel may drop or update
    /// it.
    package func add(_ neighbor: PodNeighbor, on link: Link, forGood: Bool = true) throws(PodNetworkError) {
        try perform(NetlinkCall(.neighbor, "add", "The neighbour \(neighbor)")) {
            unsafe withNeighbor(neighbor, link, forGood ? NUD_PERMANENT : NUD_STALE) {
                unsafe rtnl_neigh_add(pointer, $0, NLM_F_CREATE | NLM_F_REPLACE)
            }
        }
    }

    /// Removes a neighbour entry; false if it did not exist.
    @discardableResult
    package func remove(_ neighbor: PodNeighbor, on link: Link) throws(PodNetworkError) -> Bool {
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.neighbor, "remove", "The neighbour \(neighbor)")) {
                unsafe withNeighbor(neighbor, link, NUD_PERMANENT) { unsafe rtnl_neigh_delete(pointer, $0, 0) }
            }
            return true
        } catch  where error.errno == ENOENT {
            return false
        }
    }

    private func withNeighbor(
        _ neighbor: PodNeighbor, _ link: Link, _ state: CInt, _ body: (OpaquePointer) -> CInt
    ) -> CInt {
        guard let entry = unsafe rtnl_neigh_alloc() else { return -NLE_NOMEM }
        defer { unsafe rtnl_neigh_put(entry) }
        unsafe rtnl_neigh_set_ifindex(entry, link.index)
        unsafe rtnl_neigh_set_family(entry, neighbor.address.family)
        // The state is set only once, because libnl adds each state to the earlier states.
        unsafe rtnl_neigh_set_state(entry, state)
        unsafe withAddress(neighbor.hardwareAddress) { unsafe rtnl_neigh_set_lladdr(entry, $0) }
        let result = unsafe withAddress(neighbor.address) { unsafe rtnl_neigh_set_dst(entry, $0) }
        return unsafe result < 0 ? result : body(entry)
    }
}
