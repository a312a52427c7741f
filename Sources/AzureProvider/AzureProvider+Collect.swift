internal import JSON
public import PodVMLifecycle

extension AzureProvider {
    /// The VM with this resource id; nil when ARM says that it does not exist.
    ///
    /// - Throws: ``ProviderError`` with the code `foreign` when the id is not that of a VM in the configured subscription and resource
    ///   group: this provider changes nothing elsewhere.
    public func instance(at path: String) async throws(ProviderError) -> ListedInstance? {
        let context = context
        let shown = LogText.sanitized(path, limit: 300)
        let operation = "read the VM \(shown)"
        guard let id = ResourceID(path), id.isOf("\(ResourceKind.vm.provider)/\(ResourceKind.vm.type)"),
            id.subscription.lowercased() == context.options.subscriptionID.lowercased(),
            id.resourceGroup.lowercased() == context.options.resourceGroup.lowercased()
        else {
            throw ProviderError(
                .foreign, .giveUp, during: operation,
                "it is not the resource id of a VM in resource group \(context.options.resourceGroup) of the configured "
                    + "subscription, so it is left alone")
        }
        return try await withoutSecrets { () async throws(ProviderError) in
            do throws(ARMError) {
                return try await context.resources.virtualMachine(id.name).map(ListedInstance.init)
            } catch {
                throw ProviderError(error, during: operation)
            }
        }
    }

    /// Deletes a VM as it was listed, its interface, disk and public address. Returns once Azure reports that none of them exists.
    ///
    /// - Throws: ``ProviderError`` with the code `foreign` when the VM of that name has other tags, or another `vmId`, than when it was
    ///   listed.
    public func deleteInstance(_ listed: ListedInstance) async throws(ProviderError) {
        let context = context
        try await withoutSecrets { () async throws(ProviderError) in
            try await VMRemoval(context: context, listed: listed).run()
        }
    }
}

extension ListedInstance {
    init(_ machine: VirtualMachine) {
        self.init(
            id: InstanceID(rawValue: machine.name), tags: machine.tags, vmID: machine.vmID, size: machine.size,
            created: machine.created)
    }
}
