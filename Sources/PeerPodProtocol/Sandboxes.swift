public import TTRPC

/// `peerpod.v1.Sandboxes`: the sandboxes of a node's adaptor. Only ``collect`` changes something.
public enum Sandboxes {
    /// The service's name on the wire.
    public static let service = "peerpod.v1.Sandboxes"

    /// All sandboxes.
    public static let list = Method<Empty, SandboxList>(service, "List")

    /// A sandbox's network, hop by hop; NOT_FOUND for an unknown sandbox.
    public static let network = Method<PodNetworkRequest, PodNetworkStatus>(service, "Network")
}

/// All sandboxes on record, oldest first.
public struct SandboxList: Message {
    /// The sandboxes.
    public var sandboxes: [SandboxStatus] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &sandboxes) }
}

/// One sandbox at this moment.
public struct SandboxStatus: Message {
    /// The sandbox's id.
    public var id = ""
    /// The pod's name.
    public var podName = ""
    /// The pod's namespace.
    public var podNamespace = ""
    /// One of `preparing`, `prepared`, `creating`, `booting`, `running`, `failed`, `deleting`, `unreadable`.
    public var state = ""
    /// The cloud's name for its VM.
    public var vm = ""
    /// The VM's address; empty until it is known.
    public var address = ""
    /// The time of CreateVM, in seconds of Unix time.
    public var created: Int64 = 0
    /// What is wrong with the sandbox, as sentences for people; empty if nothing is.
    public var failure = ""
    /// The VM's size, or the size that was tried last; empty if none was tried.
    public var size = ""
    /// The availability zone; empty if the cloud decides.
    public var zone = ""
    /// The technology that protects the VM's memory: `tdx`, `snp` or `none`; empty if it is not known.
    public var tee = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &id)
        fields.string(2, &podName)
        fields.string(3, &podNamespace)
        fields.string(4, &state)
        fields.string(5, &vm)
        fields.string(6, &address)
        fields.integer(7, &created)
        fields.string(8, &failure)
        fields.string(9, &size)
        fields.string(10, &zone)
        fields.string(11, &tee)
    }
}

/// Names the sandbox of the requested network.
public struct PodNetworkRequest: Message {
    /// The sandbox's id.
    public var id = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &id) }
}
