public import Telemetry

/// The pod's requirements for its VM. A value that the pod does not set is nil.
public struct Requirements: Hashable, Sendable {
    /// The cloud's name of a VM size (annotation `machine_type`).
    public var machineType: String?
    /// The image to boot, instead of the configured one (annotation `image`).
    public var image: String?
    /// Processors, at least 1 (annotation `default_vcpus`).
    public var vcpus: Int?
    /// Memory in MiB, at least 1 (annotation `default_memory`).
    public var memoryMiB: Int?
    /// Graphics processors, at least 1 (annotation `default_gpus`).
    public var gpus: Int?
    /// The technologies that the pod accepts for its VM, at least one; nil: any that the node accepts.
    public var tees: Set<TEE>?
    /// The origin of the numbers.
    public var origin = Origin.request

    /// Where the required resources come from.
    public enum Origin: String, Hashable, Sendable {
        /// From kata's request: the pod's annotations, or kata's configuration.
        case request
        /// At least one of them from the containers of the pod's spec.
        case podSpec = "pod spec"
    }

    /// Describes the requirements.
    public init(
        machineType: String? = nil, image: String? = nil, vcpus: Int? = nil, memoryMiB: Int? = nil, gpus: Int? = nil,
        tees: Set<TEE>? = nil, origin: Origin = .request
    ) {
        self.machineType = machineType
        self.image = image
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.gpus = gpus
        self.tees = tees
        self.origin = origin
    }
}

/// The CreateVM request from kata.
public struct SandboxRequest: Sendable, CustomStringConvertible {
    /// The sandbox to create.
    public var id: SandboxID
    /// The pod's name in Kubernetes.
    public var podName: String
    /// The pod's namespace in Kubernetes.
    public var podNamespace: String
    /// The pod's network namespace on this node; empty if the pod has none.
    public var networkNamespacePath: String
    /// The pod's requirements for its VM.
    public var requirements: Requirements
    /// The pod's initdata, as TOML text. Only the boot document contains it: no record, no log.
    public var initdata: String?

    /// auth.json for the guest. Only the boot document contains it.
    public var registryCredentials: Secret<[UInt8]>?

    /// The names only: the other members may be secret.
    public var description: String { "sandbox \(id) of pod \(podNamespace)/\(podName)" }

    /// Describes a request.
    public init(
        id: SandboxID, podName: String, podNamespace: String, networkNamespacePath: String = "",
        requirements: Requirements = Requirements(), initdata: String? = nil
    ) {
        self.id = id
        self.podName = podName
        self.podNamespace = podNamespace
        self.networkNamespacePath = networkNamespacePath
        self.requirements = requirements
        self.initdata = initdata
    }
}
