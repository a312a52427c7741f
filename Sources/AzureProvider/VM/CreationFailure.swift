internal import PodVMLifecycle

/// Why a step towards a VM did not succeed.
enum CreationFailure: Error {
    /// Azure, or the way to it: what that means is ``FailurePolicy``'s to say.
    case azure(ARMError)
    /// A VM of the name exists that an earlier try for the same sandbox left, and that will never run.
    case failedVMExists
    /// Nothing that another try would change.
    case final(ProviderError)

    static func cancelled(during operation: String) -> CreationFailure {
        .azure(ARMError(.cancelled, during: operation, ""))
    }
}

extension ProviderError {
    /// One error of ARM's, as the lifecycle is told of it.
    init(_ error: ARMError, during operation: String) {
        let policy = FailurePolicy(error)
        self.init(
            policy.code, policy.advice, during: operation,
            "\(error.operation): \(error.detail)" + (policy.hint.isEmpty ? "" : ". \(policy.hint)"))
    }
}

/// Runs `body`, whose ARM errors become ``CreationFailure/azure(_:)``.
func azure<Value>(_ body: () async throws(ARMError) -> Value) async throws(CreationFailure) -> Value {
    do throws(ARMError) { return try await body() } catch { throw .azure(error) }
}
