/// The VM to create.
public struct InstanceSpec: Hashable, Sendable, CustomStringConvertible {
    /// The VM's name. The VM can be found and deleted by this name in every case.
    public var name: InstanceID
    /// The pod's name in Kubernetes.
    public var podName: String
    /// The pod's namespace in Kubernetes.
    public var podNamespace: String
    /// The pod's requirements for the VM.
    public var requirements: Requirements
    /// The VM's boot document: base64, at most 64 KiB. It holds keys.
    public var userData: String
    /// The tags of every resource that is created for the VM. They identify its owner: see ``InstanceTags``.
    public var tags: [String: String]

    /// The names only: the user data is secret.
    public var description: String { "VM \(name) of pod \(podNamespace)/\(podName)" }

    /// Describes a VM.
    public init(
        name: InstanceID, podName: String, podNamespace: String, requirements: Requirements, userData: String,
        tags: [String: String]
    ) {
        self.name = name
        self.podName = podName
        self.podNamespace = podNamespace
        self.requirements = requirements
        self.userData = userData
        self.tags = tags
    }
}

/// Names of the tags that identify the owner of a resource.
public enum InstanceTags {
    /// The cluster's identity: configured, or derived from the machine id. VMs of earlier versions have an empty value.
    public static let cluster = "peerpods-cluster"
    /// The node whose adaptor created the resource.
    public static let node = "peerpods-node"
    /// The pod's namespace in Kubernetes.
    public static let namespace = "peerpods-namespace"
    /// The pod's name in Kubernetes.
    public static let pod = "peerpods-pod"
    /// The sandbox's id.
    public static let sandbox = "peerpods-sandbox"
    /// The time of CreateVM, in seconds since 1970.
    public static let created = "peerpods-created"
}
