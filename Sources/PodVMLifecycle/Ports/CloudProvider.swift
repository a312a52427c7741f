/// A cloud that pod VMs can run in.
///
/// Creating and deleting are idempotent under the VM's name: a caller that crashed, or that did not receive the answer,
/// calls again. In a cancelled task every call returns soon, with ``ProviderError/Code/cancelled``.
public protocol CloudProvider: Sendable {
    /// Refuses requirements that the cloud cannot meet, as far as the provider knows without a request to the cloud.
    /// CreateVM calls it.
    func check(_ requirements: Requirements) throws(ProviderError)

    /// Begins to create the sandbox's VM, or to find the VM that an earlier call created.
    ///
    /// This call sends no request to the cloud; ``InstanceCreation/next()`` sends them.
    func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation

    /// Deletes the sandbox's VM and all resources that were created with it. A VM that does not exist counts as
    /// deleted; a VM of that name that belongs to another sandbox is left alone, and counts as deleted too.
    func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError)

    /// Lists every VM that may belong to this node, with its tags. The caller finds the VMs that no sandbox owns.
    func instances() async throws(ProviderError) -> [ListedInstance]
}

extension CloudProvider {
    /// A cloud that refuses nothing beforehand.
    public func check(_ requirements: Requirements) throws(ProviderError) {}
}
