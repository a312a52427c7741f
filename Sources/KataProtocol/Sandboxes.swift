/// `peerpod.v1.Sandboxes`: what this node's adaptor has in hand. It only reads.
public enum Sandboxes {
    /// The service's name on the wire.
    public static let service = "peerpod.v1.Sandboxes"

    /// All sandboxes.
    public static let list = Method<Empty, SandboxList>(service, "List")

    /// A sandbox's network, hop by hop. NOT_FOUND if there is no such sandbox.
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

/// One sandbox, as it is at the moment.
public struct SandboxStatus: Message {
    /// The sandbox's id.
    public var id = ""
    /// The pod's name.
    public var podName = ""
    /// The pod's namespace.
    public var podNamespace = ""
    /// A word for people: `prepared`, `creating`, `booting`, `running`, `deleting`.
    public var state = ""
    /// The cloud's name for its VM.
    public var vm = ""
    /// Where the VM is reached; empty until it is known.
    public var address = ""
    /// When it was created, in seconds of Unix time.
    public var created: Int64 = 0

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
    }
}
