internal import CNetlink
internal import Glibc

// A prohibiting route is not all: for a socket bound to an interface (SO_BINDTODEVICE, which anybody may set) the kernel takes
// whatever it has no route to for a host on that link. So what may not leave is also taken out of the interface's way.
extension NetlinkSocket {
    /// The destinations whose packets do not get out by `link`; nil if nothing stands there, or not only what we make.
    func sinks(of link: Link) throws(PodNetworkError) -> Set<NetPrefix>? {
        guard try incomingRule(of: link) == .foreign("clsact") else { return nil }
        let found = try unsafe list(
            NetlinkCall(.redirect, "list", "The outgoing filters of \(link.name)"),
            { unsafe rtnl_cls_alloc_cache(pointer, link.index, cnetlink_egress_handle, $0) },
            { unsafe Self.sink(cnetlink_as_filter($0)) })
        let prefixes = found.compactMap { if case .prefix(let prefix) = $0 { prefix } else { nil } }
        return found.contains(.other) ? nil : Set(prefixes)
    }

    private enum Sink: Equatable {
        case prefix(NetPrefix)
        /// The hash table that the kernel lists beside the filters in it.
        case table
        case other
    }

    private static func sink(_ filter: OpaquePointer) -> Sink {
        guard let name = unsafe rtnl_tc_get_kind(cnetlink_filter_tc(filter)), unsafe String(cString: name) == "u32"
        else {
            return .other
        }
        guard let action = unsafe rtnl_u32_get_action(filter) else { return .table }
        guard unsafe rtnl_tc_get_kind(cnetlink_action_tc(action)).map({ unsafe String(cString: $0) }) == "mirred" else {
            return .other
        }
        let isVersion6 = unsafe rtnl_cls_get_protocol(filter) == UInt16(ETH_P_IPV6)
        var (bytes, length) = ([UInt8](), 0)
        for number in 0..<(isVersion6 ? 4 : 1) {
            var (value, mask, offset, offsetMask) = (UInt32(0), UInt32(0), CInt(0), CInt(0))
            guard unsafe rtnl_u32_get_key(filter, UInt8(number), &value, &mask, &offset, &offsetMask) == 0 else {
                break
            }
            bytes += unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
            length += mask.nonzeroBitCount
        }
        bytes += [UInt8](repeating: 0, count: max(0, (isVersion6 ? 16 : 4) - bytes.count))
        return NetAddress(bytes: bytes).flatMap { NetPrefix($0, length: length) }.map(Sink.prefix) ?? .other
    }

    /// Takes everything out of the way of `link` that goes to `prefixes`: into `loopback`, where nobody wants it.
    ///
    /// What stood there goes first.
    func sink(_ prefixes: Set<NetPrefix>, of link: Link, into loopback: Link) throws(PodNetworkError) {
        try removeSinks(from: link)
        if prefixes.isEmpty { return }
        try perform(NetlinkCall(.redirect, "add", "The egress queueing discipline of \(link.name)")) {
            unsafe withDiscipline("clsact", link) { unsafe rtnl_qdisc_add(pointer, $0, NLM_F_CREATE | NLM_F_EXCL) }
        }
        for prefix in prefixes.sorted(by: { $0.description < $1.description }) {
            try unsafe addFilter(
                NetlinkCall(.redirect, "add", "The filter for \(prefix) on \(link.name)"), to: link,
                cnetlink_egress_handle, sendingTo: loopback
            ) { filter in
                // Of one priority are those of one protocol.
                unsafe rtnl_cls_set_prio(filter, prefix.address.isVersion6 ? 2 : 1)
                unsafe rtnl_cls_set_protocol(filter, UInt16(prefix.address.isVersion6 ? ETH_P_IPV6 : ETH_P_IP))
                return prefix.destinationKeys.map { key in
                    unsafe rtnl_u32_add_key_uint32(filter, key.value, key.mask, CInt(key.offset), 0)
                }
            }
        }
    }

    /// Lets everything out again; false if nothing stood in the way.
    @discardableResult
    func removeSinks(from link: Link) throws(PodNetworkError) -> Bool {
        guard try incomingRule(of: link) == .foreign("clsact") else { return false }
        do throws(PodNetworkError) {
            try perform(NetlinkCall(.redirect, "remove", "The egress queueing discipline of \(link.name)")) {
                unsafe withDiscipline("clsact", link) { unsafe rtnl_qdisc_delete(pointer, $0) }
            }
            return true
        } catch  where [ENOENT, EINVAL, ENODEV].contains(error.errno) {
            return false
        }
    }
}

extension NetPrefix {
    /// What the words of a packet's header have to be that is for an address of this network; offsets are from its start.
    fileprivate var destinationKeys: [(value: UInt32, mask: UInt32, offset: Int)] {
        let start = address.isVersion6 ? 24 : 16
        let bytes = network.address.bytes
        return (0..<max(1, (length + 31) / 32)).map { number in
            let value = bytes[number * 4..<number * 4 + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            let bits = min(32, length - number * 32)
            return (value, bits == 0 ? 0 : UInt32.max << UInt32(32 - bits), start + number * 4)
        }
    }
}
