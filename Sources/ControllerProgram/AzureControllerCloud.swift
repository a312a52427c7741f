internal import AzureProvider
internal import Controller
internal import PodVMLifecycle

/// Azure, as the controller needs it.
struct AzureControllerCloud: ControllerCloud {
    let provider: AzureProvider

    func instances() async throws(ProviderError) -> [ListedInstance] { try await provider.instances() }
    func leftovers() async throws(ProviderError) -> [Leftover] { try await provider.leftovers() }

    func instance(at path: String) async throws(ProviderError) -> ListedInstance? {
        try await provider.instance(at: path)
    }

    func delete(_ instance: ListedInstance) async throws(ProviderError) {
        try await provider.deleteInstance(instance)
    }

    func deleteLeftover(_ leftover: Leftover) async throws(ProviderError) {
        try await provider.deleteLeftover(leftover)
    }
}
