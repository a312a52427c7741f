public import Telemetry

/// Reads what the cluster knows of a pod and kata's request does not say. A pod starts without it.
public protocol PodDetailsSource: Sendable {
    /// Reads the pod's details within a short time.
    ///
    /// What cannot be read is missing, and is noted in ``PodDetails/remarks``.
    ///
    /// - Throws: ``LifecycleError`` if the pod must not start: what it asks for is invalid, or the operator requires
    ///   details that cannot be read.
    func details(of pod: ObservedPod) async throws(LifecycleError) -> PodDetails
}

/// What the cluster knows of a pod.
public struct PodDetails: Sendable {
    /// The resources that the pod's containers need together.
    public var resources = PodResources()
    /// The resources that the pod's annotations name. There the request counts, also with a value that is kata's default.
    public var annotated: Set<PodResources.Kind> = []
    /// The technologies that the pod accepts; nil: any.
    public var tees: Set<TEE>?
    /// auth.json for the guest, with the credentials of the pod's image registries; nil: none.
    public var registryCredentials: Secret<[UInt8]>?
    /// What is missing, as a sentence each, for users.
    public var remarks: [String] = []

    /// Nothing is known.
    public init() {}
}

/// An amount of processors, memory and graphics processors. Nil: not known, or not limited.
public struct PodResources: Hashable, Sendable {
    /// The kinds of resources that a VM's size decides.
    public enum Kind: Hashable, Sendable, CaseIterable {
        case vcpus, memory, gpus
    }

    /// Processors, rounded up.
    public var vcpus: Int?
    /// Memory in MiB, rounded up.
    public var memoryMiB: Int?
    /// Graphics processors.
    public var gpus: Int?

    /// An amount.
    public init(vcpus: Int? = nil, memoryMiB: Int? = nil, gpus: Int? = nil) {
        self.vcpus = vcpus
        self.memoryMiB = memoryMiB
        self.gpus = gpus
    }
}

/// Knows nothing of any pod.
package struct NoDetails: PodDetailsSource {
    package init() {}
    package func details(of pod: ObservedPod) async throws(LifecycleError) -> PodDetails { PodDetails() }
}
