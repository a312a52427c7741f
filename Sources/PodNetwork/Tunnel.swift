/// One endpoint of a VXLAN tunnel between two hosts (RFC 7348).
public struct Tunnel: Hashable, Sendable, CustomStringConvertible {
    /// The network identifier: 1 to 2^24 - 1.
    public var identifier: UInt32
    /// The UDP port of both endpoints; 4789 by RFC 7348.
    public var port: Int
    /// The other endpoint's address.
    public var remote: NetAddress
    /// The source address of outer packets; nil: the routing table chooses it.
    public var local: NetAddress?

    /// An endpoint that sends to `remote`.
    public init(_ identifier: UInt32, port: Int = 4789, to remote: NetAddress, from local: NetAddress? = nil) {
        self.identifier = identifier
        self.port = port
        self.remote = remote
        self.local = local
    }

    /// The tunnel in log lines: its identifier, the remote address and the port.
    public var description: String { "VXLAN \(identifier) to \(remote), UDP port \(port)" }

    /// The size that the tunnel adds to a pod's packet: the Ethernet, VXLAN, UDP and outer IP headers.
    ///
    /// The MTU of a pod's interface must be smaller than the underlay's by this size. Otherwise the node fragments each
    /// packet to the VM, which reduces the speed to a quarter.
    var overhead: Int { 14 + 8 + 8 + (remote.isVersion6 ? 40 : 20) }

    /// The largest MTU inside the tunnel: the pod's MTU, or the underlay's MTU minus the overhead.
    public func mtu(pod: Int, underlay: Int) -> Int { min(pod, underlay - overhead) }
}
