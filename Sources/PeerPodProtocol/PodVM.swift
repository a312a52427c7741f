public import TTRPC

/// `peerpod.v1.PodVM`: the reports of the pod VM's forwarder about the VM.
///
/// The node requests the service in the TLS handshake of a separate connection (ALPN, RFC 7301). So kata's agent never
/// gets these calls, and a forwarder without the service refuses before the node sends a byte.
public enum PodVM {
    /// The service's name on the wire.
    public static let service = "peerpod.v1.PodVM"
    /// The application protocol that the node requests in the TLS handshake.
    public static let applicationProtocol = "peerpod.v1"

    /// Returns the current state of the VM's end of the pod's network. It changes nothing.
    public static let network = Method<Empty, VMNetworkStatus>(service, "Network")
}

/// The VM's end of a pod's network.
public struct VMNetworkStatus: Message {
    /// The interfaces on the path, from the VM's own to the pod's.
    public var hops: [HopStatus] = []
    /// The pod's addresses in the VM, with their prefix lengths.
    public var addresses: [String] = []
    /// The pod's routes in the VM, in the notation of ip-route(8).
    public var routes: [String] = []
    /// Each difference from the boot document, as a sentence; empty if there is none.
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
