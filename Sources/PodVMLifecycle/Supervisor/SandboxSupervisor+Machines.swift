extension SandboxSupervisor {
    /// The VMs in the cloud with this cluster's tags, of all nodes, now.
    ///
    /// - Throws: ``LifecycleError`` when the cloud cannot be listed completely, or when this node has no name or cluster.
    public func machines() async throws(LifecycleError) -> [ListedInstance] {
        guard options.owner.isNamed else {
            throw LifecycleError(
                .failedPrecondition,
                "The cluster's VMs cannot be found: this adaptor has no node name or no cluster id.")
        }
        do throws(ProviderError) {
            return try await provider.instances().filter { $0.tags[InstanceTags.cluster] == options.owner.cluster }
        } catch {
            throw LifecycleError(
                error.code == .throttled ? .resourceExhausted : .unavailable,
                "The cluster's VMs cannot be listed: \(error). Try again later.", cause: error)
        }
    }
}
