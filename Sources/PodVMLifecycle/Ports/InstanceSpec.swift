/// The VM to create.
public struct InstanceSpec: Hashable, Sendable, CustomStringConvertible {
    /// Its name, under which it can be found and deleted whatever happens.
    public var name: InstanceID
    /// The pod's name in Kubernetes.
    public var podName: String
    /// The pod's namespace in Kubernetes.
    public var podNamespace: String
    /// What the pod requires of it.
    public var requirements: Requirements
    /// What it boots with: base64, at most 64 KiB. It holds keys.
    public var userData: String
    /// The tags of every resource that is created for it, which identify its owner: see ``InstanceTags``.
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
    /// The cluster's identity: configured, or made of the machine id. VMs of earlier versions have it empty.
    public static let cluster = "peerpods-cluster"
    /// The node whose adaptor created it.
    public static let node = "peerpods-node"
    /// The pod's namespace.
    public static let namespace = "peerpods-namespace"
    /// The pod.
    public static let pod = "peerpods-pod"
    /// The sandbox.
    public static let sandbox = "peerpods-sandbox"
    /// When CreateVM was called, in seconds since 1970.
    public static let created = "peerpods-created"
}
