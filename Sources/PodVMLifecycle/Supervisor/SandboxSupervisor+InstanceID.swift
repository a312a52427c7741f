internal import LinuxIO

extension SandboxSupervisor {
    /// The name of a pod's VM, for components that attach storage to it.
    ///
    /// With `wait` it waits until the VM exists or the caller's task is cancelled.
    ///
    /// - Returns: ``CloudProvider/path(of:)`` of the VM.
    /// - Throws: ``LifecycleError``: not found, or cancelled.
    public func instanceID(pod: String, namespace: String, wait: Bool) async throws(LifecycleError) -> String {
        while true {
            let (vm, arrival) = table.withLock { ($0.vm(ofPod: pod, in: namespace), $0.arrival) }
            if let vm { return provider.path(of: vm) }
            guard wait else {
                throw LifecycleError(.notFound, "Pod \(namespace)/\(pod) has no VM on this node (yet).")
            }
            await arrival.wait()
            if Task.isCancelled {
                throw LifecycleError(.cancelled, "Pod \(namespace)/\(pod) got no VM for as long as was waited.")
            }
        }
    }
}
