/// One sandbox, in an operator's list of this node's sandboxes.
public struct SandboxSummary: Hashable, Sendable {
    /// A sandbox's state, in one word.
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// CreateVM is in progress.
        case preparing
        /// CreateVM is done; StartVM has not been called.
        case prepared
        /// The cloud has the request for the VM.
        case creating
        /// The VM has an address; its agent has not answered yet.
        case booting
        /// The agent has answered.
        case running
        /// The VM that ran no longer exists; the sandbox waits for StopVM.
        case failed
        /// The VM, or its resources on this node, are being deleted.
        case deleting
        /// This version cannot read the sandbox's record, and does not change it.
        case unreadable
    }

    /// The sandbox's id, as kata names it.
    public let id: String
    /// The pod's name in Kubernetes.
    public let podName: String
    /// The pod's namespace in Kubernetes.
    public let podNamespace: String
    /// The sandbox's state.
    public let state: State
    /// The VM's name; a VM of this name need not exist.
    public let vm: InstanceID
    /// The VM's address, once it has one.
    public let address: String?
    /// The time of CreateVM, in seconds since 1970.
    public let created: Int64
    /// What is wrong, as a sentence: why the start or the last try of a deletion failed, why the VM no longer runs, or
    /// why the record cannot be read.
    public let failure: String?
    /// Where the VM is, or was tried last.
    public let place: InstancePlace?

    /// Describes a sandbox.
    public init(
        id: String, podName: String, podNamespace: String, state: State, vm: InstanceID, address: String? = nil,
        created: Int64, failure: String? = nil, place: InstancePlace? = nil
    ) {
        self.id = id
        self.podName = podName
        self.podNamespace = podNamespace
        self.state = state
        self.vm = vm
        self.address = address
        self.created = created
        self.failure = failure
        self.place = place
    }
}
