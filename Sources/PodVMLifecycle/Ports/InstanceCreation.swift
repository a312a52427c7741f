/// The creation of one VM, as a sequence of events that the caller requests one by one.
///
/// The provider sends no request before the first call of ``next()``, nor between two calls. So the caller records each
/// event before it acts on the event, and before the provider continues. The provider alone decides which sizes and
/// zones it tries, and how often.
public protocol InstanceCreation: Sendable {
    /// Works until an event happens to the VM, and returns that event.
    ///
    /// The caller makes one call at a time. After ``CreationEvent/provisioned`` the call watches the VM, and returns
    /// only when the VM no longer runs or the task is cancelled. In a cancelled task it soon returns
    /// ``CreationEvent/failed(_:)`` with ``ProviderError/Code/cancelled``. It sends no request after it has returned,
    /// so a deletion that follows is not undone.
    func next() async -> CreationEvent
}

/// An event in the creation of a VM.
public enum CreationEvent: Sendable {
    /// The provider is about to ask for the VM in this place.
    case trying(InstancePlace)
    /// The cloud refused the VM before it had an address, and the provider tries another place.
    case refused(RefusedTry)
    /// The VM has these addresses. Its guest may still be booting, and the cloud's own operation may still run.
    case addressKnown(Instance)
    /// The VM whose address was known will never run, for this reason, and the provider tries another place: the next
    /// call deletes all parts of the VM that exist, and creates the VM again under the same name.
    case replaced(ProviderError)
    /// The cloud reports that it has created the VM.
    case provisioned
    /// No VM runs, and no place is left to try. Parts of the VM may exist: the caller deletes the VM by name.
    case failed(ProviderError)
}
