public import TTRPC

/// `peerpod.Gateway`: how an adaptor commands the process that holds the shims' connections.
///
/// `docs/gateway.proto` describes the methods.
public enum GatewayControl {
    /// The service's name on the wire.
    public static let service = "peerpod.Gateway"
    /// The protocol's version. Both ends refuse another one.
    public static let version: Int64 = 1

    /// Makes the caller the adaptor that serves hypervisor calls, for as long as the stream lasts.
    public static let attach = StreamingMethod<AttachRequest, GatewayEvent>(service, "Attach")
    /// Listens on a sandbox's agent socket.
    public static let openTunnel = Method<OpenTunnelRequest, Empty>(service, "OpenTunnel")
    /// Closes a sandbox's tunnel and all its connections.
    public static let closeTunnel = Method<CloseTunnelRequest, Empty>(service, "CloseTunnel")
    /// The tunnels of all generations.
    public static let list = Method<Empty, TunnelList>(service, "List")
    /// The gateway's status.
    public static let counters = Method<Empty, GatewayStatus>(service, "Counters")
    /// Passes the listening sockets to a newer gateway process.
    public static let handOver = Method<HandOverRequest, HandOverResponse>(service, "HandOver")
    /// Passes a tunnel and its connections to a newer gateway process.
    public static let moveTunnel = Method<MoveTunnelRequest, MoveTunnelResponse>(service, "MoveTunnel")
    /// Passes the shims' connections without a call in flight to a newer gateway process.
    public static let moveConnections = Method<MoveConnectionsRequest, MoveConnectionsResponse>(
        service, "MoveConnections")

    /// Checks the protocol version of the other end, which is called `other` in the error, and this end `own`.
    ///
    /// - Throws: FAILED_PRECONDITION with what to upgrade.
    public static func check(_ theirs: Int64, of other: String, for own: String) throws(Status) {
        guard theirs != version else { return }
        throw Status(
            .failedPrecondition,
            """
            the \(own) has version \(version) of the gateway's control protocol, and the \(other) has version \(theirs): \
            upgrade the \(theirs > version ? own : other)
            """)
    }
}

/// Names an adaptor.
public struct AttachRequest: Message {
    /// The version of the protocol that the adaptor knows.
    public var version: Int64 = 0
    /// The path of the unix socket on which the adaptor serves hypervisor calls.
    public var adaptorSocket = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &version)
        fields.string(2, &adaptorSocket)
    }
}

/// An event for the attached adaptor. Exactly one field has a value.
public struct GatewayEvent: Message {
    /// The gateway's status, in the first event only.
    public var status: GatewayStatus?
    /// The id of a sandbox that has a stop mark.
    public var stoppedSandbox = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.message(1, &status)
        fields.string(2, &stoppedSandbox)
    }
}

/// A gateway's state and counters, since its start.
public struct GatewayStatus: Message {
    /// The version of the protocol that the gateway knows.
    public var version: Int64 = 0
    /// The number of the gateway process among those that serve the same sockets, from 1.
    public var generation: Int64 = 0
    /// The gateway's process id.
    public var pid: Int64 = 0
    /// The tunnels that are open now.
    public var tunnels = 0
    /// The hypervisor calls that wait for an adaptor now.
    public var waitingCalls = 0
    /// The hypervisor calls that have come.
    public var forwardedCalls = 0
    /// How often a call was sent again, because its adaptor went away before it answered.
    public var resentCalls = 0
    /// The StopVM calls that the gateway has answered itself.
    public var stopMarks = 0
    /// How often an adaptor has attached.
    public var attachments = 0
    /// The agent connections that wait for a connection to their VM now.
    public var suspendedSessions = 0
    /// How often an agent connection has continued after a broken path to its VM.
    public var resumedSessions = 0
    /// The agent connections that a broken path has ended.
    public var lostSessions = 0
    /// The health checks that the gateway has answered for VMs out of reach.
    public var answeredChecks = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &version)
        fields.integer(2, &generation)
        fields.integer(3, &pid)
        fields.integer(4, &tunnels)
        fields.integer(5, &waitingCalls)
        fields.integer(6, &forwardedCalls)
        fields.integer(7, &resentCalls)
        fields.integer(8, &stopMarks)
        fields.integer(9, &attachments)
        fields.integer(10, &suspendedSessions)
        fields.integer(11, &resumedSessions)
        fields.integer(12, &lostSessions)
        fields.integer(13, &answeredChecks)
    }
}

/// Names the sandbox of a tunnel that ends.
public struct CloseTunnelRequest: Message {
    /// The sandbox's id.
    public var sandbox = ""
    /// Why the tunnel is closed, for the gateway's log.
    public var reason = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &sandbox)
        fields.string(2, &reason)
    }
}

/// Names a newer gateway process.
public struct HandOverRequest: Message {
    /// The version of the protocol that the caller knows.
    public var version: Int64 = 0
    /// The path of the unix socket that takes the descriptors.
    public var socket = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.integer(1, &version)
        fields.string(2, &socket)
    }
}

/// Says which gateway process has passed its sockets on.
public struct HandOverResponse: Message {
    /// The generation of that process.
    public var generation: Int64 = 0

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &generation) }
}

/// A gateway's tunnels, sorted by sandbox.
public struct TunnelList: Message {
    /// The tunnels.
    public var tunnels: [TunnelStatus] = []

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.messages(1, &tunnels) }
}

/// One tunnel at this moment.
public struct TunnelStatus: Message {
    /// The sandbox's id.
    public var sandbox = ""
    /// The clients that are connected to the agent socket.
    public var connections = 0
    /// Milliseconds since a client was connected to the agent socket: 0 while one is, -1 if none was.
    public var millisecondsSinceUse: Int64 = 0
    /// The generation of the gateway process that serves the tunnel.
    public var generation: Int64 = 0

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &sandbox)
        fields.integer(2, &connections)
        fields.integer(3, &millisecondsSinceUse)
        fields.integer(4, &generation)
    }
}
