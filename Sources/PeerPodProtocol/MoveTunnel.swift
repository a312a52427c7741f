public import TTRPC

/// Names a tunnel that moves to a newer gateway process.
public struct MoveTunnelRequest: Message {
    /// The sandbox's id.
    public var sandbox = ""
    /// The path of the unix socket that takes the tunnel.
    public var socket = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &sandbox)
        fields.string(2, &socket)
    }
}

/// What a gateway has moved.
public struct MoveTunnelResponse: Message {
    /// Whether the caller has the agent socket and the connections now. Otherwise there was nothing to move.
    public var isMoved = false
    /// The number of connections that the gateway keeps.
    public var kept = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.bool(1, &isMoved)
        fields.integer(2, &kept)
    }
}

/// A tunnel on its way to a newer gateway process.
public struct MovedTunnel: Message {
    /// The tunnel.
    public var plan: OpenTunnelRequest?
    /// Whether the agent socket moves too. Otherwise the receiver has the socket already.
    public var hasListener = false
    /// The number of connections that follow.
    public var connections = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &plan)
        fields.bool(2, &hasListener)
        fields.integer(3, &connections)
    }
}
