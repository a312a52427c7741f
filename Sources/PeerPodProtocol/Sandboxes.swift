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
