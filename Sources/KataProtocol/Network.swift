/// A network interface in the guest.
public struct NetworkInterface: Message {
    public var device = ""
    public var name = ""
    public var addresses: [IPAddress] = []
    public var mtu: UInt64 = 0
    public var hardwareAddress = ""
    public var devicePath = ""
    /// `veth`, `vlan`, … as netlink calls it.
    public var type = ""
    public var flags: UInt32 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &device)
        fields.string(2, &name)
        fields.messages(3, &addresses)
        fields.integer(4, &mtu)
        fields.string(5, &hardwareAddress)
        fields.string(6, &devicePath)
        fields.string(7, &type)
        fields.integer(8, &flags)
    }
}

/// An address with its prefix length.
public struct IPAddress: Message {
    /// 0 IPv4, 1 IPv6.
    public var family: UInt32 = 0
    public var address = ""
    /// The prefix length, as text.
    public var mask = ""

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &family)
        fields.string(2, &address)
        fields.string(3, &mask)
    }
}

/// A route in the guest.
public struct Route: Message {
    public var destination = ""
    public var gateway = ""
    public var device = ""
    public var source = ""
    public var scope: UInt32 = 0
    /// 0 IPv4, 1 IPv6.
    public var family: UInt32 = 0
    public var flags: UInt32 = 0

    public init() {}

    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &destination)
        fields.string(2, &gateway)
        fields.string(3, &device)
        fields.string(4, &source)
        fields.integer(5, &scope)
        fields.integer(6, &family)
        fields.integer(7, &flags)
    }
}

/// Several routes.
public struct Routes: Message {
    public var routes: [Route] = []

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &routes) }
}

/// Several interfaces.
public struct NetworkInterfaces: Message {
    public var interfaces: [NetworkInterface] = []

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &interfaces) }
}

/// Sets up an interface.
public struct UpdateInterfaceRequest: Message {
    public var interface: NetworkInterface?

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.message(1, &interface) }
}

/// Replaces the routes.
public struct UpdateRoutesRequest: Message {
    public var routes: Routes?

    public init() {}
    public mutating func visit(_ fields: inout MessageFields) { fields.message(1, &routes) }
}
