/// `podvminfo.PodVMInfo`: which VM a pod lives in, for storage plugins that attach disks to it.
public enum PodVMInfo {
    /// The service's name on the wire.
    public static let service = "podvminfo.PodVMInfo"

    /// Which VM a pod lives in.
    public static let getInfo = Method<GetInfoRequest, GetInfoResponse>(service, "GetInfo")
}

/// Names a pod.
public struct GetInfoRequest: Message {
    /// The pod's name.
    public var podName = ""
    /// The pod's namespace.
    public var podNamespace = ""
    /// Answer only once the VM exists, rather than that it does not.
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
