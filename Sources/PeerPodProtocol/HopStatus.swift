public import TTRPC

/// One interface on the path of a pod's packets, with its counters since the interface was made.
public struct HopStatus: Message {
    /// The network namespace of the interface: the text of a ``Place``.
    public var place = ""
    /// The interface's name, such as `eth0`.
    public var interface = ""
    /// The MTU, in bytes.
    public var mtu = 0
    /// Whether the interface is up.
    public var isUp = false
    /// The interface that received packets are redirected to; empty if the namespace's network stack receives them.
    public var redirectedTo = ""
    /// Packets that the interface has received.
    public var receivedPackets: UInt64 = 0
    /// Bytes that the interface has received.
    public var receivedBytes: UInt64 = 0
    /// Packets that were dropped on receipt.
    public var receivedDropped: UInt64 = 0
    /// Packets that the interface has sent.
    public var sentPackets: UInt64 = 0
    /// Bytes that the interface has sent.
    public var sentBytes: UInt64 = 0
    /// Packets that were dropped instead of sent.
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
    /// The network namespace of an interface, as text for operators.
    public enum Place: String, Sendable {
        case podOnNode = "pod namespace on the node"
        case node = "node"
        case vm = "VM"
        case podInVM = "pod namespace in the VM"
    }
}
