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

    /// One route of the pod; its priority, table, source and flags are not carried.
    public struct Route: Equatable, Sendable {
        /// Where to; nil is everywhere that nothing else names.
        public var destination: IPPrefix?
        /// Through whom; nil is straight to the link.
        public var gateway: IPAddress?
        /// Over which interface; empty is any.
        public var device = ""
        /// How the table got it; nil is not said.
        public var `protocol`: RouteProtocol?
        /// How far away.
        public var scope = RouteScope.universe

        /// A route to `destination`.
        public init(to destination: IPPrefix?, through gateway: IPAddress? = nil) {
            self.destination = destination
            self.gateway = gateway
        }
    }

    /// One entry of the pod's neighbour table.
    public struct Neighbor: Equatable, Sendable {
        /// Whose.
        public var address: IPAddress
        /// What it answers to.
        public var hardwareAddress: HardwareAddress
        /// Over which interface.
        public var device: String
        /// What is known of it.
        public var state: NeighborState

        /// An entry, permanent unless said otherwise.
        public init(
            _ address: IPAddress, is hardwareAddress: HardwareAddress, on device: String,
            state: NeighborState = .permanent
        ) {
            self.address = address
            self.hardwareAddress = hardwareAddress
            self.device = device
            self.state = state
        }
    }

    /// The pod's address (`podip`).
    public var podAddress: IPPrefix
    /// The Ethernet address of the pod's interface (`pod-hw-addr`).
    public var hardwareAddress: HardwareAddress
    /// The interface's name in the pod (`interface`).
    public var interface: String
    /// The node's end of the tunnel (`worker-node-ip`).
    public var nodeAddress: IPPrefix
    /// The pod's routes.
    public var routes: [Route] = []
    /// The pod's neighbours.
    public var neighbors: [Neighbor] = []
    /// The largest packet of the pod's interface, in bytes; the guest takes the smaller of this and what its tunnel
    /// carries.
    public var mtu: Int
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

    /// The one kind of tunnel there is (`tunnel-type`).
    public static let tunnelType = "vxlan"

    /// A network without routes and neighbours.
    public init(
        podAddress: IPPrefix, hardwareAddress: HardwareAddress, interface: String, nodeAddress: IPPrefix, mtu: Int
    ) {
        self.podAddress = podAddress
        self.hardwareAddress = hardwareAddress
        self.interface = interface
        self.nodeAddress = nodeAddress
        self.mtu = mtu
    }
}
