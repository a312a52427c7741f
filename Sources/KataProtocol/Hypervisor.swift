public import TTRPC

/// `hypervisor.Hypervisor`: how kata's shim creates and deletes a remote VM.
///
/// The shim opens a connection for each call; closing it is the only way to cancel.
public enum Hypervisor {
    /// The service's name on the wire.
    public static let service = "hypervisor.Hypervisor"

    /// Whether a server answers, and its version.
    public static let version = Method<HypervisorVersion, HypervisorVersion>(service, "Version")
    /// Makes a VM known and gets ready for it.
    public static let createVM = Method<CreateVMRequest, CreateVMResponse>(service, "CreateVM")
    /// Makes the VM; answers once its agent does.
    public static let startVM = Method<VMRequest, Empty>(service, "StartVM")
    /// Has the VM deleted; succeeds for one that is not there.
    public static let stopVM = Method<VMRequest, Empty>(service, "StopVM")
}

/// Both ways: which version of the service one speaks.
public struct HypervisorVersion: Message {
    /// The version, as text.
    public var version = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &version) }
}

/// Makes a VM known, before it exists.
public struct CreateVMRequest: Message {
    /// The sandbox's id, as containerd or CRI-O made it.
    public var id = ""
    /// Who the pod is and what it wants; see ``Annotation``.
    public var annotations: [String: String] = [:]
    /// Where the pod's network namespace is mounted.
    public var networkNamespacePath = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &id)
        fields.map(2, &annotations)
        fields.string(3, &networkNamespacePath)
    }
}

/// Where the agent will be found once the VM runs.
public struct CreateVMResponse: Message {
    /// A unix socket on the node.
    public var agentSocketPath = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &agentSocketPath) }
}

/// Names the VM that StartVM starts, or StopVM ends.
public struct VMRequest: Message {
    /// The sandbox's id.
    public var id = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &id) }
}

/// The keys a shim sends with ``CreateVMRequest``; it sends no others.
///
/// All may be there and yet say nothing: an empty value and "0" mean unset.
public enum Annotation {
    private static let hypervisor = "io.katacontainers.config.hypervisor."

    /// The pod's name; from CRI-O `k8s_<pod>_<namespace>_<uid>_<attempt>`.
    public static let podName = "io.kubernetes.cri.sandbox-name"
    /// The pod's namespace.
    public static let podNamespace = "io.kubernetes.cri.sandbox-namespace"
    /// The instance size to take.
    public static let machineType = hypervisor + "machine_type"
    /// The image to boot.
    public static let image = hypervisor + "image"
    /// How many processors.
    public static let vcpus = hypervisor + "default_vcpus"
    /// MiB.
    public static let memory = hypervisor + "default_memory"
    /// How many graphics processors.
    public static let gpus = hypervisor + "default_gpus"
    /// Which graphics processors.
    public static let gpuModel = hypervisor + "default_gpu_model"
    /// Initdata as plain TOML: the shim has decoded it.
    public static let initdata = hypervisor + "cc_init_data"
}
