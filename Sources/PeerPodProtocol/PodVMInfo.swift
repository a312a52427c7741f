public import TTRPC

/// `podvminfo.PodVMInfo`: the VM of a pod, for storage plugins that attach disks to the VM.
///
/// The Go adaptor serves the same service.
public enum PodVMInfo {
    /// The service's name on the wire.
    public static let service = "podvminfo.PodVMInfo"

    /// The VM of a pod; NOT_FOUND if there is none.
    public static let getInfo = Method<GetInfoRequest, GetInfoResponse>(service, "GetInfo")
}

/// Names a pod.
public struct GetInfoRequest: Message {
    /// The pod's name.
    public var podName = ""
    /// The pod's namespace.
    public var podNamespace = ""
    /// Whether to wait until the VM exists, instead of answering NOT_FOUND.
    public var wait = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &podName)
        fields.string(2, &podNamespace)
        fields.bool(3, &wait)
    }
}

/// Names the pod's VM.
public struct GetInfoResponse: Message {
    /// The cloud's name for the VM.
    public var vmID = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &vmID) }
}
