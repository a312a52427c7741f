public import PodNetwork

/// The network that the pod VM sets up for its pod: `pod-network` in apf.json.
public struct PodNetworkDescription: Equatable, Sendable {
    /// The origin of a route in the routing table.
    public enum RouteProtocol: String, Sendable { case `static`, boot, dhcp, kernel }

    /// The distance to a route's destination.
    public enum RouteScope: String, Sendable { case universe, site, link, host, nowhere }

    /// The state of a neighbour entry.
    public enum NeighborState: String, Sendable {
        case none, incomplete, reachable, stale, delay, probe, failed, noarp, permanent
    }

    /// One route of the pod. The Go adaptor does not know the properties after `scope`, and ignores them.
    public struct Route: Equatable, Sendable {
        /// The destination; nil means the default route.
        public var destination: NetPrefix?
        /// The next hop; nil for a destination on the link.
        public var gateway: NetAddress?
        /// The interface; empty means any interface.
        public var device = ""
        /// The origin of the route; nil means unspecified.
        public var `protocol`: RouteProtocol?
        /// The distance to the destination.
        public var scope = RouteScope.universe
        /// The number of the origin (`rtm_protocol`), if `protocol` has no name for it; 0 means unspecified.
        public var origin: UInt8 = 0
        /// The metric: the lowest wins; 0 means the kernel's default.
        public var priority: UInt32 = 0
        /// The preferred source address of the pod, if there is one.
        public var source: NetAddress?
        /// Whether the gateway counts as on the link although no route says so.
        public var isOnLink = false
        /// The MTU of this route, in bytes; 0 means the interface's MTU.
        public var mtu = 0

        /// A route to `destination`.
        public init(to destination: NetPrefix?, through gateway: NetAddress? = nil) {
            self.destination = destination
            self.gateway = gateway
        }
    }

    /// One entry of the pod's neighbour table.
    public struct Neighbor: Equatable, Sendable {
        /// The neighbour's IP address.
        public var address: NetAddress
        /// The neighbour's Ethernet address.
        public var hardwareAddress: LinkAddress
        /// The interface.
        public var device: String
        /// The state of the entry.
        public var state: NeighborState

        /// Makes an entry. The default state is permanent.
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
    /// All addresses of the pod, the primary address first; empty if there is only one (`addresses`, not in Go).
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
    /// Routes that make Go's guest fail, because it gives the pod one address and supports no priorities
    /// (`further-routes`, not in Go).
    public var furtherRoutes: [Route] = []
    /// Neighbours in the IP family that ``podAddress`` does not have (`further-neighbors`, not in Go).
    public var furtherNeighbors: [Neighbor] = []
    /// The MTU of the pod's interface, in bytes. Go's guest uses at most 1450.
    public var mtu: Int
    /// The MTU for a guest that knows the limit of its tunnel; 0 means unspecified (`tunnel-mtu`, not in Go).
    public var tunnelMTU = 0
    /// The pod's number. The node increases it with each pod.
    public var index: Int = 0
    /// The tunnel's UDP port; 0 means unspecified.
    public var vxlanPort: Int = 0
    /// The tunnel's network identifier; 0 means unspecified.
    public var vxlanID: Int = 0
    /// Whether the tunnel has an interface of its own in the VM (`dedicated`).
    public var isDedicated = false
    /// Whether the pod reaches external networks through the VM instead of the node (`external-net-via-pod-vm`).
    public var isExternalThroughVM = false

    /// The maximum MTU that Go's guest gives the pod's interface, independent of the VM's own interface.
    static let customaryMTU = 1450

    /// The only supported kind of tunnel (`tunnel-type`).
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
