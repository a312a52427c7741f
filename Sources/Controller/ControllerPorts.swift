package import PodVMLifecycle

/// The cloud as the controller needs it: all VMs of the resource group, and their deletion.
package protocol ControllerCloud: Sendable {
    /// All VMs that may be pod VMs. The list is complete, or the call throws.
    func instances() async throws(ProviderError) -> [ListedInstance]

    /// All interfaces, disks and public addresses with a pod VM's tags that belong to no VM. The list is complete, or the call throws.
    func leftovers() async throws(ProviderError) -> [Leftover]

    /// The VM at this path; nil when the cloud says that it does not exist.
    ///
    /// - Throws: `ProviderError` with the code `foreign` for a path outside of the account and resource group that this
    ///   controller may change.
    func instance(at path: String) async throws(ProviderError) -> ListedInstance?

    /// Deletes the VM and what was created with it; returns when nothing of it exists.
    ///
    /// - Throws: `ProviderError` with the code `foreign` when the VM of that name has other tags or another id now.
    func delete(_ instance: ListedInstance) async throws(ProviderError)

    /// Deletes a resource of ``leftovers()``.
    func deleteLeftover(_ leftover: Leftover) async throws(ProviderError)
}

/// The cluster as the controller needs it.
package protocol ControllerCluster: Sendable {
    /// All objects. Each list is complete, or the call throws.
    func snapshot() async throws(ClusterFailure) -> ClusterSnapshot

    /// Asks for one object by its name. A pod of the same name with another UID is not the pod.
    func exists(_ object: ClusterObject) async throws(ClusterFailure) -> Bool

    /// Removes the finalizer of a PeerPod. An object that does not exist, or is another one of the same name, is success.
    func release(_ peerPod: PeerPodEntry) async throws(ClusterFailure)
}

/// An object on whose existence the decision about a VM depends.
package enum ClusterObject: Hashable, Sendable {
    /// A node, by its name.
    case node(String)
    /// A namespace, by its name.
    case namespace(String)
    /// A pod, by its namespace, name and UID.
    case pod(namespace: String, name: String, uid: String)
}

/// The API server did not do what the controller asked.
package struct ClusterFailure: Error, Equatable, Sendable, CustomStringConvertible {
    /// What failed, and why.
    package let description: String

    /// Describes a failure.
    package init(_ description: String) { self.description = description }
}
