internal import PodVMLifecycle

/// Why a step of a VM's creation failed.
enum CreationFailure: Error {
    /// Azure, or the connection to Azure, failed: ``FailurePolicy`` interprets the error.
    case azure(ARMError)
    /// A failed VM of this name exists, from an earlier try for the same sandbox. It will never run.
    case failedVMExists
    /// A failure that another try does not change.
    case final(ProviderError)

    static func cancelled(during operation: String) -> CreationFailure {
        .azure(ARMError(.cancelled, during: operation, ""))
    }
}

extension ProviderError {
    /// An error of ARM in the form that the lifecycle uses.
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
