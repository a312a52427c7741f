public import TTRPC

/// A pod's network, from the pod's interface on the node to the pod's interface in the VM.
public struct PodNetworkStatus: Message {
    /// The path of the pod's network namespace on the node; empty for a pod without one.
    public var namespacePath = ""
    /// The pod's addresses, with their prefix lengths.
    public var addresses: [String] = []
    /// The VXLAN network identifier; 0 if there is no tunnel.
    public var vxlanID: UInt32 = 0
    /// The tunnel's UDP port.
    public var vxlanPort = 0
    /// The node's address in the outer packets.
    public var nodeAddress = ""
    /// The VM's address in the outer packets; empty until the VM has an address.
    public var vmAddress = ""
    /// The interfaces on the path, from the pod's on the node to the pod's in the VM, as far as they are known.
    public var hops: [HopStatus] = []
    /// The pod's routes in the VM.
    public var routes: [String] = []
    /// The faults at both ends and between them, as sentences with the remedy; empty if there is none.
    public var problems: [String] = []
    /// The reason why the VM's end is unknown; empty if the VM has answered.
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
