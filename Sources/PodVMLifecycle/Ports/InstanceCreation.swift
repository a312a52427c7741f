/// The creation of one VM, as a sequence of events that the caller asks for one by one.
///
/// The cloud is asked for nothing before the first call of ``next()``, nor between two calls. So the caller records each
/// event before it acts on it, and before the provider goes on. The provider alone decides in which sizes and zones the
/// VM is tried, and how often.
public protocol InstanceCreation: Sendable {
    /// Works until something has happened to the VM, and returns that.
    ///
    /// One call at a time. After ``CreationEvent/provisioned`` it watches the VM and returns only when the VM does not run any
    /// more, or when the task is cancelled. In a cancelled task it returns ``CreationEvent/failed(_:)`` soon, with
    /// ``ProviderError/Code/cancelled``. No request is sent after it has returned, so a deletion that follows is not undone.
    func next() async -> CreationEvent
}

/// What happened to a VM that is being created.
public enum CreationEvent: Sendable {
    /// The VM has these addresses. Its guest need not be up, and the cloud's own operation may still run.
    case addressKnown(Instance)
    /// The VM whose address was known will never run, for this reason, and the provider tries another place: the next
    /// call deletes what exists of the VM, and creates it again under the same name.
    case replaced(ProviderError)
    /// The cloud reports that it has created the VM.
    case provisioned
    /// There is no VM that runs, and no place left to try. Something of the VM may exist: the caller deletes it by name.
    case failed(ProviderError)
}
