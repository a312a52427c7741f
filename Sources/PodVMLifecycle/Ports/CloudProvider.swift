/// A cloud that pod VMs can run in.
///
/// Creating and deleting are idempotent under the VM's name: a caller that crashed, or that did not receive the answer, asks
/// again. In a cancelled task every call returns soon, with ``ProviderError/Code/cancelled``.
public protocol CloudProvider: Sendable {
    /// Refuses what a pod may not have, as far as that is known without asking the cloud; called at CreateVM.
    func check(_ requirements: Requirements) throws(ProviderError)

    /// Begins to create the sandbox's VM, or to find the VM that an earlier call created.
    ///
    /// This call asks the cloud for nothing: ``InstanceCreation/next()`` does.
    func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation

    /// Deletes the sandbox's VM and all resources that were created with it. A VM that does not exist counts as
    /// deleted; a VM of that name that belongs to another sandbox is left alone, and counts as deleted too.
    func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError)

    /// Every VM that may be this node's, with its tags, for finding those that no sandbox owns.
    func instances() async throws(ProviderError) -> [ListedInstance]
}

extension CloudProvider {
    /// A cloud that refuses nothing beforehand.
    public func check(_ requirements: Requirements) throws(ProviderError) {}
}
