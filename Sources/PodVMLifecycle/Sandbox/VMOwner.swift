/// The adaptor that owns a resource, as the resource's tags name it: its node and its cluster.
struct VMOwner: Equatable, Sendable {
    let cluster: String
    let node: String

    /// Whether this owner can identify VMs. An empty tag does not identify the VM's creator.
    var isNamed: Bool { !cluster.isEmpty && !node.isEmpty }

    /// The sandbox of `resource`, if the resource's tags name this owner in full; nil for every other resource.
    func sandbox(of resource: some TaggedResource) -> SandboxID? {
        guard isNamed, resource.tags[InstanceTags.cluster] == cluster, resource.tags[InstanceTags.node] == node,
            let text = resource.tags[InstanceTags.sandbox]
        else { return nil }
        return try? SandboxID(validating: text)
    }
}
