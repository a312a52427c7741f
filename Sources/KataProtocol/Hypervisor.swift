public import TTRPC

/// `hypervisor.Hypervisor`: the service by which kata's shim creates and deletes a remote VM.
///
/// The shim opens a connection for each call. It can cancel a call only by closing the connection.
public enum Hypervisor {
    /// The service's name on the wire.
    public static let service = "hypervisor.Hypervisor"

    /// Returns the server's version. The shim uses it to check that a server answers.
    public static let version = Method<HypervisorVersion, HypervisorVersion>(service, "Version")
    /// Registers a VM and prepares for it.
    public static let createVM = Method<CreateVMRequest, CreateVMResponse>(service, "CreateVM")
    /// Creates the VM. The call returns when the VM's agent answers.
    public static let startVM = Method<VMRequest, Empty>(service, "StartVM")
    /// Deletes the VM. The call also succeeds if the VM does not exist.
    public static let stopVM = Method<VMRequest, Empty>(service, "StopVM")
}

/// The version of the service, in the request and in the response.
public struct HypervisorVersion: Message {
    /// The version, as text.
    public var version = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &version) }
}

/// Registers a VM before it exists.
public struct CreateVMRequest: Message {
    /// The sandbox's id, which containerd or CRI-O has made.
    public var id = ""
    /// The pod's name and its settings; see ``Annotation``.
    public var annotations: [String: String] = [:]
    /// The path of the pod's network namespace.
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

/// The address of the agent once the VM runs.
public struct CreateVMResponse: Message {
    /// The path of a unix socket on the node.
    public var agentSocketPath = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &agentSocketPath) }
}

/// The VM that StartVM starts, or that StopVM deletes.
public struct VMRequest: Message {
    /// The sandbox's id.
    public var id = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &id) }
}

/// The keys that a shim sends with ``CreateVMRequest``. It sends no other keys.
///
/// A key may be present without a setting: an empty value and "0" mean unset.
public enum Annotation {
    private static let hypervisor = "io.katacontainers.config.hypervisor."

    /// The pod's name. With CRI-O it is `k8s_<pod>_<namespace>_<uid>_<attempt>`.
    public static let podName = "io.kubernetes.cri.sandbox-name"
    /// The pod's namespace.
    public static let podNamespace = "io.kubernetes.cri.sandbox-namespace"
    /// The instance size.
    public static let machineType = hypervisor + "machine_type"
    /// The image to boot.
    public static let image = hypervisor + "image"
    /// The number of processors.
    public static let vcpus = hypervisor + "default_vcpus"
    /// The memory in MiB.
    public static let memory = hypervisor + "default_memory"
    /// The number of graphics processors.
    public static let gpus = hypervisor + "default_gpus"
    /// The model of the graphics processors.
    public static let gpuModel = hypervisor + "default_gpu_model"
    /// The initdata as plain TOML, which the shim has decoded.
    public static let initdata = hypervisor + "cc_init_data"
}
