/// One end of a VXLAN tunnel between two hosts (RFC 7348).
public struct Tunnel: Hashable, Sendable, CustomStringConvertible {
    /// The network identifier: 1 to 2^24 - 1.
    public var identifier: UInt32
    /// The UDP port of both ends; 4789 by the book.
    public var port: Int
    /// The other end.
    public var remote: NetAddress
    /// The sender of outer packets; nil is whom the routing table chooses.
    public var local: NetAddress?

    /// An end that sends to `remote`.
    public init(_ identifier: UInt32, port: Int = 4789, to remote: NetAddress, from local: NetAddress? = nil) {
        self.identifier = identifier
        self.port = port
        self.remote = remote
        self.local = local
    }

    public var description: String { "VXLAN \(identifier) to \(remote), UDP port \(port)" }

    /// What the tunnel adds to a pod's packet: an Ethernet header, VXLAN's, UDP's and the outer IP's.
    ///
    /// A pod's interface must leave room for it. If it does not, the node cuts each packet that comes in in two, which
    /// takes three quarters of the speed.
    public var overhead: Int { 14 + 8 + 8 + (remote.isVersion6 ? 40 : 20) }

    /// The largest packet that fits: the pod's own, or what the way there leaves.
    public func mtu(pod: Int, underlay: Int) -> Int { min(pod, underlay - overhead) }
}
