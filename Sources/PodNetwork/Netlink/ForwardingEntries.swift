internal import CNetlink
internal import Glibc

/// An entry of a VXLAN interface's forwarding table: an inner Ethernet address and its host.
struct ForwardingEntry: Hashable, CustomStringConvertible {
    var hardwareAddress: LinkAddress
    var remote: NetAddress

    var description: String { "\(hardwareAddress) at \(remote)" }
}

// A learning VXLAN interface drops a packet whose inner source address has a permanent entry with another host than the packet's
// outer source (vxlan_snoop() in the kernel). So an entry binds the tunnel's identifier to one host.
extension NetlinkSocket {
    /// The permanent entries of a VXLAN interface.
    func permanentEntries(of link: Link) throws(PodNetworkError) -> [ForwardingEntry] {
        var header = ndmsg()
        header.ndm_family = UInt8(AF_BRIDGE)
        header.ndm_ifindex = link.index
        return try dump(
            NetlinkMessage(CInt(RTM_GETNEIGH), header),
            NetlinkCall(.neighbor, "list", "The forwarding entries of \(link.name)")
        ) { message in
            let size = MemoryLayout<ndmsg>.size
            guard message.count >= size, let index = MemoryLayout<ndmsg>.offset(of: \.ndm_ifindex),
                let state = MemoryLayout<ndmsg>.offset(of: \.ndm_state),
                nativeNumber(message.dropFirst(index), as: CInt.self) == link.index,
                nativeNumber(message.dropFirst(state), as: UInt16.self) & UInt16(NUD_PERMANENT) != 0
            else { return nil }
            let attributes = NetlinkAttributes(message.dropFirst(size))
            guard let address = attributes[CInt(NDA_LLADDR)].flatMap(LinkAddress.init(bytes:)),
                let remote = attributes[CInt(NDA_DST)].flatMap(NetAddress.init(bytes:))
            else { return nil }
            return ForwardingEntry(hardwareAddress: address, remote: remote)
        }
    }

    /// Adds a permanent entry; it replaces another entry for its Ethernet address.
    func add(_ entry: ForwardingEntry, to link: Link) throws(PodNetworkError) {
        var header = ndmsg()
        header.ndm_family = UInt8(AF_BRIDGE)
        header.ndm_ifindex = link.index
        header.ndm_state = UInt16(NUD_PERMANENT)
        header.ndm_flags = UInt8(NTF_SELF)
        var message = NetlinkMessage(CInt(RTM_NEWNEIGH), header)
        message.add(CInt(NDA_DST), entry.remote.bytes)
        message.add(CInt(NDA_LLADDR), entry.hardwareAddress.bytes)
        try send(
            message, flags: NLM_F_CREATE | NLM_F_REPLACE,
            NetlinkCall(.neighbor, "add", "The forwarding entry \(entry) of \(link.name)"))
    }
}
