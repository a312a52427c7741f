/// A cloud that pod VMs can live in.
///
/// Both changes are idempotent under the VM's name, so a caller that crashed, or that never heard the answer, simply
/// asks again. A cancelled task makes every call return soon, with ``ProviderError/Code/cancelled``.
public protocol CloudProvider: Sendable {
    /// Refuses what a pod may not have, as far as that is known without asking the cloud; called at CreateVM.
    func check(_ requirements: Requirements) throws(ProviderError)

    /// Creates the sandbox's VM, or finds the one an earlier attempt made, and returns once its address is known.
    ///
    /// The guest need not be up, nor the cloud's own operation done: see ``awaitProvisioned(_:)``. Whatever is thrown,
    /// the VM may exist; the caller deletes it by ``InstanceSpec/name``. No request of this call is sent after it
    /// returned, so that a deletion that comes next stays the last word.
    func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) async throws(ProviderError) -> Instance

    /// Returns when the cloud calls the VM done; throws when the operation that makes it has failed.
    ///
    /// This is waited for while the VM is already being dialed: only its failure matters. If the advice is to retry
    /// at once, ``createInstance(for:from:)`` may be called again, and makes the VM elsewhere.
    func awaitProvisioned(_ instance: Instance) async throws(ProviderError)

    /// Watches a VM that the cloud calls done and that is still being dialed; throws when it is seen not to run any more.
    ///
    /// Returns when the cloud cannot tell. Otherwise only failure or cancellation ends it.
    func watch(_ instance: Instance) async throws(ProviderError)

    /// Deletes the sandbox's VM and all that was made with it. What is already gone, or never was, counts as deleted;
    /// a VM of that name that is another sandbox's is left alone, and counts as deleted too.
    func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError)

    /// Every VM that may be this node's, with its tags, for finding those that no sandbox owns.
    func instances() async throws(ProviderError) -> [ListedInstance]
}

extension CloudProvider {
    /// A cloud that refuses nothing beforehand.
    public func check(_ requirements: Requirements) throws(ProviderError) {}

    /// A cloud that cannot tell whether a VM runs.
    public func watch(_ instance: Instance) async throws(ProviderError) {}
}
