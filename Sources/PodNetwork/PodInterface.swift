/// The pod's interface as the CNI made it, seen from inside of the pod's namespace.
public struct PodInterface: Equatable, Sendable {
    /// Such as `eth0`.
    public var name: String
    /// Its Ethernet address.
    public var hardwareAddress: LinkAddress
    /// Its largest packet, in bytes.
    public var mtu: Int
    /// Every address of it, those of the link (fe80::/10) included; the primary one first.
    public var addresses: [NetPrefix]
    /// The routes of the main table that lead over it.
    public var routes: [PodRoute]
    /// Its permanent neighbours.
    public var neighbors: [PodNeighbor]

    /// An interface as it is.
    public init(
        name: String, hardwareAddress: LinkAddress, mtu: Int, addresses: [NetPrefix], routes: [PodRoute] = [],
        neighbors: [PodNeighbor] = []
    ) {
        self.name = name
        self.hardwareAddress = hardwareAddress
        self.mtu = mtu
        self.addresses = addresses
        self.routes = routes
        self.neighbors = neighbors
    }
}

/// The interface that the tunnel's outer packets take: of the node, or of the VM.
public struct Underlay: Equatable, Sendable {
    /// Such as `eth0`.
    public var interface: String
    /// The largest outer packet, in bytes.
    public var mtu: Int
    /// Its addresses that others can reach, in the kernel's order.
    public var addresses: [NetPrefix]
    /// Whether it is another one than that of the default route (`dedicated` in apf.json).
    public var isDedicated: Bool

    /// An interface as it is.
    public init(interface: String, mtu: Int, addresses: [NetPrefix], isDedicated: Bool = false) {
        self.interface = interface
        self.mtu = mtu
        self.addresses = addresses
        self.isDedicated = isDedicated
    }

    /// Its first address of the family that `peer` has; without a peer the first of IPv4, else of IPv6.
    public func address(toward peer: NetAddress?) -> NetPrefix? {
        guard let peer else { return addresses.first { !$0.address.isVersion6 } ?? addresses.first }
        return addresses.first { $0.address.isVersion6 == peer.isVersion6 }
    }
}
