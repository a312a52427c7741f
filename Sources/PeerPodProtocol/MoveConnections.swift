public import TTRPC

/// Asks for the shims' connections.
public struct MoveConnectionsRequest: Message {
    /// The path of the unix socket that takes the connections.
    public var socket = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &socket) }
}

/// What a gateway has moved.
public struct MoveConnectionsResponse: Message {
    /// The number of connections that the caller has now.
    public var moved = 0
    /// The number of connections that the gateway keeps.
    public var kept = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &moved)
        fields.integer(2, &kept)
    }
}

/// Connections on their way to a newer gateway process.
public struct MovedConnections: Message {
    /// The number of connections that follow.
    public var connections = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &connections) }
}
