/// The pod's interface from the CNI plugin, as the pod's namespace shows it.
public struct PodInterface: Equatable, Sendable {
    /// The interface's name, such as `eth0`.
    public var name: String
    /// The interface's Ethernet address.
    public var hardwareAddress: LinkAddress
    /// The interface's MTU, in bytes.
    public var mtu: Int
    /// All its addresses, including link-local ones (fe80::/10); the primary address first.
    public var addresses: [NetPrefix]
    /// The routes of the main table over this interface.
    public var routes: [PodRoute]
    /// The interface's permanent neighbours.
    public var neighbors: [PodNeighbor]

    /// An interface with these properties.
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

/// The node's or the VM's interface for the tunnel's outer packets.
public struct Underlay: Equatable, Sendable {
    /// The interface's name, such as `eth0`.
    public var interface: String
    /// The interface's MTU, or the MTU of the path to the peer, in bytes.
    public var mtu: Int
    /// The addresses that other hosts can reach, in the kernel's order.
    public var addresses: [NetPrefix]
    /// Whether it differs from the default route's interface (`dedicated` in apf.json).
    public var isDedicated: Bool

    /// An interface with these properties.
    public init(interface: String, mtu: Int, addresses: [NetPrefix], isDedicated: Bool = false) {
        self.interface = interface
        self.mtu = mtu
        self.addresses = addresses
        self.isDedicated = isDedicated
    }

    /// The interface's first address of `peer`'s IP family; without a peer, the first IPv4 address, or else the first IPv6 address.
    public func address(toward peer: NetAddress?) -> NetPrefix? {
        guard let peer else { return addresses.first { !$0.address.isVersion6 } ?? addresses.first }
        return addresses.first { $0.address.isVersion6 == peer.isVersion6 }
    }
}
