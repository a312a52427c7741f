/// A VM's name in its cloud, known before the VM is: see ``VMName``.
public struct InstanceID: Hashable, Sendable, RawRepresentable, CustomStringConvertible {
    /// As the cloud is told it, for example `podvm-nginx-0a1b2c3d`.
    public let rawValue: String

    /// The name itself.
    public var description: String { rawValue }

    /// Takes a name as it is.
    public init(rawValue: String) { self.rawValue = rawValue }
}

/// A VM that a cloud has, as it lists it.
public struct ListedInstance: Hashable, Sendable {
    /// Its name.
    public let id: InstanceID
    /// Its tags; pod VMs have those of ``InstanceTags``.
    public let tags: [String: String]

    /// Names a VM and says what it carries.
    public init(id: InstanceID, tags: [String: String]) {
        self.id = id
        self.tags = tags
    }
}

/// A VM that a cloud has brought.
public struct Instance: Hashable, Sendable {
    /// Its name: the one ``InstanceSpec/name`` asked for.
    public let id: InstanceID
    /// Numeric IP addresses, the one to dial first.
    public let addresses: [String]

    /// Names a VM and where it is reached.
    public init(id: InstanceID, addresses: [String]) {
        self.id = id
        self.addresses = addresses
    }
}
