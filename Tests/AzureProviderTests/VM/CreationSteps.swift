import PodVMLifecycle
import Testing

/// The events of a creation, one by one, for tests that expect a certain one.
extension InstanceCreation {
    /// The next event that does not only name a place.
    private func outcome() async -> CreationEvent {
        while true {
            switch await next() {
            case .trying, .refused: continue
            case let event: return event
            }
        }
    }

    /// The places that are tried and refused, in words, and the event after them.
    func placed() async -> (words: [String], event: CreationEvent) {
        var words: [String] = []
        while true {
            switch await next() {
            case .trying(let place): words.append("trying \(place)")
            case .refused(let refused):
                words.append("\(refused.code) in \(refused.place), next \(refused.next?.description ?? "none")")
            case let event: return (words, event)
            }
        }
    }

    /// The VM, once its address is known.
    func instance() async throws -> Instance {
        let event = await outcome()
        if case .addressKnown(let instance) = event { return instance }
        throw unexpected(event)
    }

    /// Returns once the cloud has created the VM.
    func provisioned() async throws {
        let event = await outcome()
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
