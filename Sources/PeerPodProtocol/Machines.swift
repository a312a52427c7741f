public import TTRPC

extension Sandboxes {
    /// The VMs of all nodes of the cluster, as the cloud lists them.
    public static let machines = Method<Empty, MachineList>(service, "Machines")
}

/// VMs with this cluster's tags.
public struct MachineList: Message {
    /// The VMs.
    public var machines: [MachineStatus] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &machines) }
}

/// A VM, by its tags.
public struct MachineStatus: Message {
    /// The cloud's name.
    public var name = ""
    /// The node that created the VM.
    public var node = ""
    /// The pod's namespace.
    public var podNamespace = ""
    /// The pod's name.
    public var podName = ""
    /// The sandbox's id.
    public var sandbox = ""
    /// The size, as the cloud names it.
    public var size = ""
    /// The time of its creation, in seconds of Unix time; 0 if it is unknown.
    public var created: Int64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &name)
        fields.string(2, &node)
        fields.string(3, &podNamespace)
        fields.string(4, &podName)
        fields.string(5, &sandbox)
        fields.string(6, &size)
        fields.integer(7, &created)
    }
}
