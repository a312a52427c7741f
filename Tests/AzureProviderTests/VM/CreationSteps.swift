import PodVMLifecycle
import Testing

/// The events of a creation, one by one, for tests that expect a certain one.
extension InstanceCreation {
    /// The VM, once its address is known.
    func instance() async throws -> Instance {
        let event = await next()
        if case .addressKnown(let instance) = event { return instance }
        throw unexpected(event)
    }

    /// Returns once the cloud has created the VM.
    func provisioned() async throws {
        let event = await next()
        if case .provisioned = event { return }
        throw unexpected(event)
    }

    /// Why the VM is replaced.
    func replaced() async throws -> ProviderError {
        let event = await next()
        if case .replaced(let error) = event { return error }
        throw unexpected(event)
    }

    /// A failure is thrown as it is; any other event fails the test.
    private func unexpected(_ event: CreationEvent) -> any Error {
        if case .failed(let error) = event { return error }
        Issue.record("unexpected event \(event)")
        return CancellationError()
    }
}
