public import PodNetwork

/// One interface that a pod's packets pass, with what has passed it since it is there.
public struct HopStatus: Message {
    /// Whose network namespace it is in, in words: one of ``Place``.
    public var place = ""
    /// Such as `eth0`.
    public var interface = ""
    /// Its largest packet, in bytes.
    public var mtu = 0
    /// Whether it is up.
    public var isUp = false
    /// The interface that everything goes to which comes in here; empty is the namespace's own network stack.
    public var redirectedTo = ""
    /// What came in, in packets and bytes, and what of it was thrown away.
    public var receivedPackets: UInt64 = 0
    public var receivedBytes: UInt64 = 0
    public var receivedDropped: UInt64 = 0
    /// What went out, in packets and bytes, and what of it was thrown away.
    public var sentPackets: UInt64 = 0
    public var sentBytes: UInt64 = 0
    public var sentDropped: UInt64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &place)
        fields.string(2, &interface)
        fields.integer(3, &mtu)
        fields.bool(4, &isUp)
        fields.string(5, &redirectedTo)
        fields.integer(6, &receivedPackets)
        fields.integer(7, &receivedBytes)
        fields.integer(8, &receivedDropped)
        fields.integer(9, &sentPackets)
        fields.integer(10, &sentBytes)
        fields.integer(11, &sentDropped)
    }
}

extension HopStatus {
    /// Whose network namespace an interface is in, in words for people.
    public enum Place: String, Sendable {
        case podOnNode = "pod namespace on the node"
        case node = "node"
        case vm = "VM"
        case podInVM = "pod namespace in the VM"
    }

    /// An interface as it was found.
    public init(_ hop: NodeNetworkState.Hop, in place: Place) {
        self.init()
        self.place = place.rawValue
        interface = hop.interface
        mtu = hop.mtu
        isUp = hop.isUp
        redirectedTo = hop.redirectedTo ?? ""
        receivedPackets = hop.counters.received.packets
        receivedBytes = hop.counters.received.bytes
        receivedDropped = hop.counters.received.dropped
        sentPackets = hop.counters.sent.packets
        sentBytes = hop.counters.sent.bytes
        sentDropped = hop.counters.sent.dropped
    }
}

/// `peerpod.v1.PodVM`: what the pod VM's forwarder tells the node of itself.
///
/// It is spoken on a connection of its own, which the node asks for in the TLS handshake (ALPN, RFC 7301): kata's agent
/// never sees it, and an end that does not know it says so before a byte is sent.
public enum PodVM {
    /// The service's name on the wire.
    public static let service = "peerpod.v1.PodVM"
    /// What the node asks for in the TLS handshake.
    public static let applicationProtocol = "peerpod.v1"

    /// The VM's end of the pod's network, as it is at the moment. It only reads.
    public static let network = Method<Empty, VMNetworkStatus>(service, "Network")
}

/// The VM's end of a pod's network.
public struct VMNetworkStatus: Message {
    /// The interfaces on the way, from the VM's own to the pod's.
    public var hops: [HopStatus] = []
    /// The pod's addresses in the VM, with their prefix lengths.
    public var addresses: [String] = []
    /// The pod's routes in the VM, as people write them.
    public var routes: [String] = []
    /// Every difference to what the boot document says, as a sentence; none is good.
    public var problems: [String] = []
    /// The tunnel as its interface describes it; empty if there is none.
    public var tunnel = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.messages(1, &hops)
        fields.strings(2, &addresses)
        fields.strings(3, &routes)
        fields.strings(4, &problems)
        fields.string(5, &tunnel)
    }
}

/// Which sandbox's network is asked for.
public struct PodNetworkRequest: Message {
    /// The sandbox's id.
    public var id = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &id) }
}

/// A pod's network from the pod's interface on the node to the one in the VM.
public struct PodNetworkStatus: Message {
    /// Where the pod's namespace on the node is found; empty for a pod that has none.
    public var namespacePath = ""
    /// The pod's addresses, with their prefix lengths.
    public var addresses: [String] = []
    /// The VXLAN network identifier; 0 if there is no tunnel.
    public var vxlanID: UInt32 = 0
    /// The tunnel's UDP port.
    public var vxlanPort = 0
    /// The outer packets' addresses; the VM's is empty until it has one.
    public var nodeAddress = ""
    public var vmAddress = ""
    /// The interfaces on the way, from the pod's on the node to the pod's in the VM, as far as they are known.
    public var hops: [HopStatus] = []
    /// The pod's routes in the VM.
    public var routes: [String] = []
    /// What is wrong, at either end or between them, as sentences that say what to do; none is good.
    public var problems: [String] = []
    /// Why nothing is known of the VM's end; empty if it told.
    public var silence = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &namespacePath)
        fields.strings(2, &addresses)
        fields.integer(3, &vxlanID)
        fields.integer(4, &vxlanPort)
        fields.string(5, &nodeAddress)
        fields.string(6, &vmAddress)
        fields.messages(7, &hops)
        fields.strings(8, &routes)
        fields.strings(9, &problems)
        fields.string(10, &silence)
    }
}
