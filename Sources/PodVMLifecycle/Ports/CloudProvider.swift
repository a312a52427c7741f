/// A cloud that pod VMs can run in.
///
/// Creating and deleting are idempotent under the VM's name: a caller that crashed, or that did not receive the answer,
/// calls again. In a cancelled task every call returns soon, with ``ProviderError/Code/cancelled``.
public protocol CloudProvider: Sendable {
    /// Where this provider creates, lists and deletes VMs. It does not change while the process runs.
    var scope: CloudScope { get }

    /// The name that identifies a VM in its whole cloud, such as its resource id.
    func path(of id: InstanceID) -> String

    /// The longest time after which a request whose answer was not awaited, for example because the process was killed,
    /// may still create a VM.
    var lateRequestTime: Duration { get }

    /// Refuses requirements that the cloud cannot meet, as far as the provider knows without a request to the cloud.
    /// CreateVM calls it.
    func check(_ requirements: Requirements) throws(ProviderError)

    /// Begins to create the sandbox's VM, or to find the VM that an earlier call created.
    ///
    /// This call sends no request to the cloud; ``InstanceCreation/next()`` sends them.
    func createInstance(for sandbox: SandboxID, from spec: InstanceSpec) -> any InstanceCreation

    /// Deletes the sandbox's VM and all resources that were created with it. A VM that does not exist counts as
    /// deleted.
    ///
    /// - Throws: ``ProviderError/Code/foreign`` when the tags of the VM of that name do not name this sandbox. The VM is
    ///   left alone, and does not count as deleted: an operator may have changed the tags of the sandbox's VM.
    func deleteInstance(_ id: InstanceID, of sandbox: SandboxID) async throws(ProviderError)

    /// Lists every VM that may belong to this node, with its tags. The caller finds the VMs that no sandbox owns, and the
    /// sandboxes whose VMs no longer exist.
    ///
    /// The list is complete, or the call throws: a part of a list, or the list of a scope that does not exist, must not
    /// look as if VMs were gone.
    func instances() async throws(ProviderError) -> [ListedInstance]

    /// Lists every network interface, disk and public address that has the tags of a pod VM and belongs to no VM. The
    /// list is complete, or the call throws.
    func leftovers() async throws(ProviderError) -> [Leftover]

    /// Deletes a resource of ``leftovers()``. A resource that does not exist counts as deleted.
    ///
    /// - Throws: ``ProviderError/Code/foreign`` when the resource has other tags than when it was listed, or belongs to a
    ///   VM now. It is left alone.
    func deleteLeftover(_ leftover: Leftover) async throws(ProviderError)
}

extension CloudProvider {
    /// A cloud without scopes.
    public var scope: CloudScope { .none }

    /// The VM's name, in a cloud without longer names.
    public func path(of id: InstanceID) -> String { id.rawValue }

    /// Ten seconds.
    public var lateRequestTime: Duration { .seconds(10) }

    /// A cloud that leaves nothing behind.
    public func leftovers() async throws(ProviderError) -> [Leftover] { [] }

    /// A cloud that leaves nothing behind.
    public func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {}

    /// A cloud that refuses nothing beforehand.
    public func check(_ requirements: Requirements) throws(ProviderError) {}
}
