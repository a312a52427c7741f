public import TTRPC

extension Sandboxes {
    /// VMs and their resources in the cloud that no sandbox owns.
    public static let orphans = Method<OrphansRequest, OrphanList>(service, "Orphans")

    /// Begins to delete orphans, and returns those whose deletion has begun.
    public static let collect = Method<CollectRequest, OrphanList>(service, "Collect")
}

/// Names the nodes whose orphans are requested.
public struct OrphansRequest: Message {
    /// The nodes; empty: the adaptor's own node.
    public var nodes: [String] = []
    /// All nodes of the cluster, instead of `nodes`.
    public var allNodes = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.strings(1, &nodes)
        fields.bool(2, &allNodes)
    }
}

/// Names the orphans to delete.
public struct CollectRequest: Message {
    /// The nodes, as in the request for the list.
    public var nodes: OrphansRequest?
    /// Orphans from the list. One that is not an orphan any more is not deleted.
    public var orphans: [OrphanStatus] = []

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &nodes)
        fields.messages(2, &orphans)
    }
}

/// Orphans: VMs first.
public struct OrphanList: Message {
    /// The orphans.
    public var orphans: [OrphanStatus] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &orphans) }
}

/// A VM, or a resource of a VM, that no sandbox owns.
public struct OrphanStatus: Message {
    /// `VM`, `network interface`, `disk` or `public address`.
    public var kind = ""
    /// The cloud's name.
    public var name = ""
    /// The node that created it.
    public var node = ""
    /// The pod's namespace.
    public var podNamespace = ""
    /// The pod's name.
    public var podName = ""
    /// The sandbox's id.
    public var sandbox = ""
    /// The VM's size, as the cloud names it; empty for other kinds.
    public var size = ""
    /// The time of its creation, in seconds of Unix time; 0 if it is unknown.
    public var created: Int64 = 0
    /// Why it is an orphan.
    public var reason = ""
    /// Why it is not deleted for now; empty if it can be deleted.
    public var obstacle = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &kind)
        fields.string(2, &name)
        fields.string(3, &node)
        fields.string(4, &podNamespace)
        fields.string(5, &podName)
        fields.string(6, &sandbox)
        fields.string(7, &size)
        fields.integer(8, &created)
        fields.string(9, &reason)
        fields.string(10, &obstacle)
    }
}
