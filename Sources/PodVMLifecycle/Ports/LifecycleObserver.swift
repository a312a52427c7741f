/// Is told what happens to the pods of this node, such as a reporter of events at an API server.
///
/// An observer cannot change the course of a pod: its functions return no error.
public protocol LifecycleObserver: Sendable {
    /// Notes an event. Returns at once: it starts no work that the caller would wait for.
    func observe(_ event: LifecycleEvent, of pod: ObservedPod)

    /// The cloud is asked for the pod's VM as soon as this returns. Takes only a short time, which the pod's start waits
    /// for.
    func willCreateInstance(of pod: ObservedPod) async

    /// The cloud has confirmed that the pod's VM does not exist any longer.
    func didDeleteInstance(of pod: ObservedPod)
}

/// A pod, and the VM that it has or would have.
public struct ObservedPod: Hashable, Sendable {
    /// The pod's name in Kubernetes.
    public let name: String
    /// The pod's namespace in Kubernetes.
    public let namespace: String
    /// The sandbox's id.
    public let sandbox: SandboxID
    /// The VM's name.
    public let vm: InstanceID
    /// The VM's name in its whole cloud: see ``CloudProvider/path(of:)``.
    public let vmPath: String

    /// Describes a pod.
    public init(name: String, namespace: String, sandbox: SandboxID, vm: InstanceID, vmPath: String) {
        self.name = name
        self.namespace = namespace
        self.sandbox = sandbox
        self.vm = vm
        self.vmPath = vmPath
    }
}

/// What happens to a pod.
public enum LifecycleEvent: Sendable {
    /// CreateVM has begun.
    case preparing
    /// CreateVM failed.
    case preparationFailed(LifecycleError)
    /// A part of what the cluster knows of the pod could not be read; the pod starts without it.
    case detailMissing(String)
    /// The VM is requested from the cloud.
    case requested
    /// The VM is requested in this place, for this reason.
    case placed(InstancePlace, because: String)
    /// The cloud refused the VM in a place before the VM had an address.
    case refused(RefusedTry)
    /// The VM has an address.
    case addressKnown(Instance)
    /// The cloud could not provision the VM, and the provider tries another place.
    case replaced(ProviderError)
    /// The agent in the VM has answered, this long after StartVM.
    case running(Duration)
    /// StartVM failed.
    case startFailed(LifecycleError)
    /// The VM is deleted.
    case deleted
    /// A try to delete the VM failed; another one follows.
    case deletionFailed(String)
}

/// Notes nothing.
package struct NoObserver: LifecycleObserver {
    package init() {}
    package func observe(_ event: LifecycleEvent, of pod: ObservedPod) {}
    package func willCreateInstance(of pod: ObservedPod) async {}
    package func didDeleteInstance(of pod: ObservedPod) {}
}
