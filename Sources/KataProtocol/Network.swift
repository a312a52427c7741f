public import TTRPC

/// A network interface in the guest.
public struct NetworkInterface: Message {
    /// The device's name.
    public var device = ""
    /// The interface's name.
    public var name = ""
    /// The interface's addresses.
    public var addresses: [IPAddress] = []
    /// The MTU, in bytes.
    public var mtu: UInt64 = 0
    /// The interface's MAC address.
    public var hardwareAddress = ""
    /// The device's path on the guest's bus.
    public var devicePath = ""
    /// The kind in netlink, such as `veth` or `vlan`.
    public var type = ""
    /// The flags, with netlink's values.
    public var flags: UInt32 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
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
    /// The IP family: 0 for IPv4, 1 for IPv6.
    public var family: UInt32 = 0
    /// The address, as text.
    public var address = ""
    /// The prefix length, as text.
    public var mask = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &family)
        fields.string(2, &address)
        fields.string(3, &mask)
    }
}

/// A route in the guest.
public struct Route: Message {
    /// The destination with its prefix length; empty means the default route.
    public var destination = ""
    /// The next hop.
    public var gateway = ""
    /// The interface of the route.
    public var device = ""
    /// The preferred source address.
    public var source = ""
    /// The scope, with netlink's values.
    public var scope: UInt32 = 0
    /// The IP family: 0 for IPv4, 1 for IPv6.
    public var family: UInt32 = 0
    /// The flags, with netlink's values.
    public var flags: UInt32 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
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
    /// The routes.
    public var routes: [Route] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &routes) }
}

/// Several interfaces.
public struct NetworkInterfaces: Message {
    /// The interfaces.
    public var interfaces: [NetworkInterface] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &interfaces) }
}

/// Sets up an interface.
public struct UpdateInterfaceRequest: Message {
    /// The new configuration of the interface.
    public var interface: NetworkInterface?

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.message(1, &interface) }
}

/// Replaces the routes.
public struct UpdateRoutesRequest: Message {
    /// The new routes.
    public var routes: Routes?

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.message(1, &routes) }
}
