public import PodNetwork

/// The network that the pod VM is to build for its pod: `pod-network` in apf.json.
public struct PodNetworkDescription: Equatable, Sendable {
    /// How the routing table got a route.
    public enum RouteProtocol: String, Sendable { case `static`, boot, dhcp, kernel }

    /// How far away a route's destination is.
    public enum RouteScope: String, Sendable { case universe, site, link, host, nowhere }

    /// What is known of a neighbour.
    public enum NeighborState: String, Sendable {
        case none, incomplete, reachable, stale, delay, probe, failed, noarp, permanent
    }

    /// One route of the pod. Go knows nothing of what comes after the scope, and ignores it.
    public struct Route: Equatable, Sendable {
        /// Where to; nil is everywhere that nothing else names.
        public var destination: NetPrefix?
        /// The next hop; nil for a destination on the link.
        public var gateway: NetAddress?
        /// Over which interface; empty is any.
        public var device = ""
        /// How the table got it; nil is not said.
        public var `protocol`: RouteProtocol?
        /// How far away.
        public var scope = RouteScope.universe
        /// Who put it into the table (`rtm_protocol`), where `protocol` has no name for that; 0 is not said.
        public var origin: UInt8 = 0
        /// The smaller the better; 0 is the kernel's own choice.
        public var priority: UInt32 = 0
        /// With which of the pod's addresses as sender, if one is said.
        public var source: NetAddress?
        /// Whether the gateway is taken to be on the link, though no route says so.
        public var isOnLink = false
        /// The largest packet on this way, in bytes; 0 is the interface's.
        public var mtu = 0

        /// A route to `destination`.
        public init(to destination: NetPrefix?, through gateway: NetAddress? = nil) {
            self.destination = destination
            self.gateway = gateway
        }
    }

    /// One entry of the pod's neighbour table.
    public struct Neighbor: Equatable, Sendable {
        /// Whose.
        public var address: NetAddress
        /// What it answers to.
        public var hardwareAddress: LinkAddress
        /// Over which interface.
        public var device: String
        /// What is known of it.
        public var state: NeighborState

        /// An entry, permanent unless said otherwise.
        public init(
            _ address: NetAddress, is hardwareAddress: LinkAddress, on device: String,
            state: NeighborState = .permanent
        ) {
            self.address = address
            self.hardwareAddress = hardwareAddress
            self.device = device
            self.state = state
        }
    }

    /// The pod's address (`podip`).
    public var podAddress: NetPrefix
    /// Every address of the pod's, the primary one first; empty if there is only that (`addresses`, not Go's).
    public var addresses: [NetPrefix] = []
    /// The Ethernet address of the pod's interface (`pod-hw-addr`).
    public var hardwareAddress: LinkAddress
    /// The interface's name in the pod (`interface`).
    public var interface: String
    /// The node's end of the tunnel (`worker-node-ip`).
    public var nodeAddress: NetPrefix
    /// The pod's routes.
    public var routes: [Route] = []
    /// The pod's neighbours.
    public var neighbors: [Neighbor] = []
    /// Routes at which Go's guest would give up, since it gives the pod one address and knows no priorities
    /// (`further-routes`, not Go's).
    public var furtherRoutes: [Route] = []
    /// Neighbours in that address's other family (`further-neighbors`, not Go's).
    public var furtherNeighbors: [Neighbor] = []
    /// The largest packet of the pod's interface, in bytes. Go's guest takes 1450 where this is more.
    public var mtu: Int
    /// The same for a guest that knows what its tunnel carries; 0 is not said (`tunnel-mtu`, not Go's).
    public var tunnelMTU = 0
    /// A number per pod that the node counts up.
    public var index: Int = 0
    /// The tunnel's UDP port; 0 is not said.
    public var vxlanPort: Int = 0
    /// The tunnel's network identifier; 0 is not said.
    public var vxlanID: Int = 0
    /// Whether the tunnel has an interface of its own in the VM (`dedicated`).
    public var isDedicated = false
    /// Whether the pod reaches the world through the VM and not the node (`external-net-via-pod-vm`).
    public var isExternalThroughVM = false

    /// What Go's guest gives the pod's interface at most, whatever its own carries.
    static let customaryMTU = 1450

    /// The one kind of tunnel there is (`tunnel-type`).
    public static let tunnelType = "vxlan"

    /// A network without routes and neighbours.
    public init(
        podAddress: NetPrefix, hardwareAddress: LinkAddress, interface: String, nodeAddress: NetPrefix, mtu: Int
    ) {
        self.podAddress = podAddress
        self.hardwareAddress = hardwareAddress
        self.interface = interface
        self.nodeAddress = nodeAddress
        self.mtu = mtu
    }
}
