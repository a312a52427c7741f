internal import CNetlink
internal import Glibc

/// One rule of the kernel's security policy database (RFC 4301) for packets to a UDP port of this host.
///
/// The kernel applies it to each packet for a socket, VXLAN's included: after reassembly, on all interfaces, and with any
/// extension headers.
struct InboundPolicy: Hashable, CustomStringConvertible {
    /// The source of the packets.
    var source: NetPrefix
    /// The packets' destination port.
    var port: UInt16
    /// Whether they are allowed.
    var isAllowed: Bool

    var description: String { "\(isAllowed ? "allow" : "block") UDP from \(source) to port \(port)" }

    /// The policies that let only `peer` send to `port`.
    static func only(_ peer: NetAddress, to port: UInt16) -> Set<InboundPolicy> {
        [
            InboundPolicy(source: NetPrefix(only: peer), port: port, isAllowed: true),
            InboundPolicy(source: .allVersion4, port: port, isAllowed: false),
            InboundPolicy(source: .allVersion6, port: port, isAllowed: false),
        ]
    }

    /// The kernel applies the lower priority first. Other programs do not use these values, so they mark the adaptor's
    /// policies.
    fileprivate var priority: UInt32 { isAllowed ? 0x5050_0001 : 0x5050_0002 }

    fileprivate var selector: xfrm_selector {
        var selector = xfrm_selector()
        unsafe withUnsafeMutableBytes(of: &selector.saddr) { unsafe $0.copyBytes(from: source.network.address.bytes) }
        selector.prefixlen_s = UInt8(source.length)
        selector.family = UInt16(source.address.family)
        selector.proto = UInt8(IPPROTO_UDP)
        selector.dport = port.bigEndian
        selector.dport_mask = .max
        return selector
    }

    init(source: NetPrefix, port: UInt16, isAllowed: Bool) {
        self.source = source
        self.port = port
        self.isAllowed = isAllowed
    }

    /// Reads a message of `XFRM_MSG_GETPOLICY`; nil for another program's policy.
    fileprivate init?(_ message: [UInt8]) {
        guard message.count >= MemoryLayout<xfrm_userpolicy_info>.size else { return nil }
        var info = xfrm_userpolicy_info()
        unsafe withUnsafeMutableBytes(of: &info) { unsafe $0.copyBytes(from: message.prefix($0.count)) }
        let isVersion6 = info.sel.family == UInt16(AF_INET6)
        let bytes = Array(memory(of: info.sel.saddr).prefix(isVersion6 ? 16 : 4))
        guard info.dir == UInt8(XFRM_POLICY_IN),
            let source = NetAddress(bytes: bytes).flatMap({ NetPrefix($0, length: Int(info.sel.prefixlen_s)) })
        else { return nil }
        self.init(
            source: source, port: UInt16(bigEndian: info.sel.dport), isAllowed: info.action == UInt8(XFRM_POLICY_ALLOW))
        guard info.priority == priority, info.sel.proto == UInt8(IPPROTO_UDP) else { return nil }
    }
}

extension NetlinkSocket {
    /// The adaptor's policies.
    ///
    /// - Precondition: the socket was opened for ``Family/policies``.
    func inboundPolicies() throws(PodNetworkError) -> Set<InboundPolicy> {
        Set(
            try dump(
                NetlinkMessage(CInt(XFRM_MSG_GETPOLICY), xfrm_userpolicy_id()),
                NetlinkCall(.policy, "list", "The IPsec policies"), InboundPolicy.init))
    }

    func add(_ policy: InboundPolicy) throws(PodNetworkError) {
        var info = xfrm_userpolicy_info()
        info.sel = policy.selector
        (info.lft.soft_byte_limit, info.lft.hard_byte_limit) = (.max, .max)
        (info.lft.soft_packet_limit, info.lft.hard_packet_limit) = (.max, .max)
        info.priority = policy.priority
        info.dir = UInt8(XFRM_POLICY_IN)
        info.action = UInt8(policy.isAllowed ? XFRM_POLICY_ALLOW : XFRM_POLICY_BLOCK)
        do throws(PodNetworkError) {
            try send(
                NetlinkMessage(CInt(XFRM_MSG_UPDPOLICY), info),
                NetlinkCall(.policy, "add", "The IPsec policy (\(policy))"))
        } catch  where policy.source.address.isVersion6 && !policy.isAllowed && error.errno == EAFNOSUPPORT {
            // A kernel without IPv6 receives no such packets.
        }
    }

    /// Removes a policy; false if it did not exist.
    @discardableResult
    func remove(_ policy: InboundPolicy) throws(PodNetworkError) -> Bool {
        var name = xfrm_userpolicy_id()
        name.sel = policy.selector
        name.dir = UInt8(XFRM_POLICY_IN)
        do throws(PodNetworkError) {
            try send(
                NetlinkMessage(CInt(XFRM_MSG_DELPOLICY), name),
                NetlinkCall(.policy, "remove", "The IPsec policy (\(policy))"))
            return true
        } catch  where error.errno == ENOENT {
            return false
        }
    }
}
