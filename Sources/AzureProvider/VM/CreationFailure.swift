internal import PodVMLifecycle

/// Why a step towards a VM did not succeed.
enum CreationFailure: Error {
    /// Azure, or the way to it: what that means is ``Remedy``'s to say.
    case azure(ARMError)
    /// A VM of the name is there which an earlier try of ours has left behind, and which will never run.
    case remains
    /// Nothing that another try would change.
    case final(ProviderError)

    var isCancelled: Bool {
        switch self {
        case .azure(let error): error.kind == .cancelled
        case .final(let error): error.code == .cancelled
        case .remains: false
        }
    }

    static func cancelled(during operation: String) -> CreationFailure {
        .azure(ARMError(.cancelled, during: operation, ""))
    }
}

extension ProviderError {
    /// One error of ARM's, as the lifecycle is told of it.
    init(_ error: ARMError, during operation: String) {
        let remedy = Remedy(error)
        self.init(
            remedy.code, remedy.advice, during: operation,
            "\(error.operation): \(error.detail)" + (remedy.hint.isEmpty ? "" : ". \(remedy.hint)"))
    }
}

/// Runs `body`, whose ARM errors become setbacks.
func azure<Value>(_ body: () async throws(ARMError) -> Value) async throws(CreationFailure) -> Value {
    do throws(ARMError) { return try await body() } catch { throw .azure(error) }
}
