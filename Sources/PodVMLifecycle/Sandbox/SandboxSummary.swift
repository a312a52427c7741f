/// One sandbox, for an operator who lists the sandboxes of this node.
public struct SandboxSummary: Hashable, Sendable {
    /// Where a sandbox is in its life, in one word.
    public enum State: String, Hashable, Sendable, CaseIterable {
        /// CreateVM is in progress.
        case preparing
        /// CreateVM is done, StartVM has not come.
        case prepared
        /// The cloud was asked for the VM.
        case creating
        /// The VM has an address, its agent has not answered yet.
        case booting
        /// The agent has answered.
        case running
        /// The VM is being deleted, or what is left of it on this node.
        case deleting
        /// Its record cannot be read by this version, and is left as it is.
        case unreadable
    }

    /// The sandbox, as kata names it.
    public let id: String
    /// The pod's name in Kubernetes.
    public let podName: String
    /// The pod's namespace in Kubernetes.
    public let podNamespace: String
    /// Where it is in its life.
    public let state: State
    /// The VM's name; a VM of this name need not exist.
    public let vm: InstanceID
    /// The address the VM is reached at, once it has one.
    public let address: String?
    /// When CreateVM came, in seconds since 1970.
    public let created: Int64
    /// Why the last try to delete the VM failed, or why the record cannot be read.
    public let failure: String?

    /// Says all of it.
    public init(
        id: String, podName: String, podNamespace: String, state: State, vm: InstanceID, address: String? = nil,
        created: Int64, failure: String? = nil
    ) {
        self.id = id
        self.podName = podName
        self.podNamespace = podNamespace
        self.state = state
        self.vm = vm
        self.address = address
        self.created = created
        self.failure = failure
    }
}
