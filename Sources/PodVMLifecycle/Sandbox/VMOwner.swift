/// The adaptor that owns a VM, as the VM's tags name it: its node and its cluster.
struct VMOwner: Equatable, Sendable {
    let cluster: String
    let node: String

    /// Whether this owner can identify VMs. An empty tag does not identify the VM's creator.
    var isNamed: Bool { !cluster.isEmpty && !node.isEmpty }

    /// The sandbox of `vm`, if the VM's tags name this owner in full; nil for every other VM.
    func sandbox(of vm: ListedInstance) -> SandboxID? {
        guard isNamed, vm.tags[InstanceTags.cluster] == cluster, vm.tags[InstanceTags.node] == node,
            let text = vm.tags[InstanceTags.sandbox]
        else { return nil }
        return try? SandboxID(validating: text)
    }
}
