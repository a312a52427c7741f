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

    /// A VM with its tags.
    public init(id: InstanceID, tags: [String: String]) {
        self.id = id
        self.tags = tags
    }
}

/// A VM that a cloud has created.
public struct Instance: Hashable, Sendable {
    /// The VM's name: ``InstanceSpec/name``.
    public let id: InstanceID
    /// Numeric IP addresses; the connector dials the first one.
    public let addresses: [String]

    /// A VM with its addresses.
    public init(id: InstanceID, addresses: [String]) {
        self.id = id
        self.addresses = addresses
    }
}
