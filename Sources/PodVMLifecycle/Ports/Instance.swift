/// A VM's name in its cloud, known before the VM exists: see ``VMName``.
public struct InstanceID: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
    /// The name in requests to the cloud, for example `podvm-nginx-0a1b2c3d`.
    public let rawValue: String

    /// The name itself.
    public var description: String { rawValue }

    /// Takes a name unchanged.
    public init(rawValue: String) { self.rawValue = rawValue }
}

/// A VM in the cloud's list.
public struct ListedInstance: Hashable, Sendable {
    /// The VM's name.
    public let id: InstanceID
    /// The VM's tags; pod VMs have those of ``InstanceTags``.
    public let tags: [String: String]
    /// The cloud's own identifier of this VM, which no later VM of the same name has (ARM's `vmId`); nil when the cloud
    /// does not say.
    public let vmID: String?
    /// The cloud's name of the VM's size, by which its price can be found; nil when the cloud does not say.
    public let size: String?
    /// The time of the VM's creation by the cloud's clock, in seconds since 1970; nil when the cloud does not say.
    public let created: Int64?

    /// A VM with its tags.
    public init(
        id: InstanceID, tags: [String: String], vmID: String? = nil, size: String? = nil, created: Int64? = nil
    ) {
        self.id = id
        self.tags = tags
        self.vmID = vmID
        self.size = size
        self.created = created
    }
}

/// A VM that a cloud has created.
public struct Instance: Hashable, Sendable {
    /// The VM's name: ``InstanceSpec/name``.
    public let id: InstanceID
    /// Numeric IP addresses; the connector dials the first one.
    public let addresses: [String]
    /// The cloud's own identifier of this VM: see ``ListedInstance/vmID``. Nil until it is known.
    public let vmID: String?
    /// The size, the zone and the technology; nil when the cloud does not say. The record has them outside the state.
    public let place: InstancePlace?

    /// A VM with its addresses.
    public init(id: InstanceID, addresses: [String], vmID: String? = nil, place: InstancePlace? = nil) {
        self.place = place
        self.id = id
        self.addresses = addresses
        self.vmID = vmID
    }
}
