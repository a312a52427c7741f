/// The adaptor that a VM belongs to, as the VM's tags name it: the one of this node of this cluster.
struct VMOwner: Equatable, Sendable {
    let cluster: String
    let node: String

    /// Whether VMs can be told by it. An empty tag says nothing about who made a VM.
    var isNamed: Bool { !cluster.isEmpty && !node.isEmpty }

    /// The sandbox that `vm` was made for, if its tags name this owner in full; nil for every other VM.
    func sandbox(of vm: ListedInstance) -> SandboxID? {
        guard isNamed, vm.tags[InstanceTags.cluster] == cluster, vm.tags[InstanceTags.node] == node,
            let text = vm.tags[InstanceTags.sandbox]
        else { return nil }
        return try? SandboxID(validating: text)
    }
}
