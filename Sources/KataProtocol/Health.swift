public import TTRPC

/// `grpc.Health`, which kata's agent serves in addition to `grpc.AgentService`.
public enum Health {
    /// The service's name on the wire.
    public static let service = "grpc.Health"

    /// Returns whether a service is healthy.
    public static let check = Method<HealthCheckRequest, HealthCheckResponse>(service, "Check")
    /// The versions of the agent and of its protocol.
    public static let version = Method<HealthCheckRequest, HealthVersionResponse>(service, "Version")
}

/// Names a service. Kata's shim names none.
public struct HealthCheckRequest: Message {
    /// The service's full name; empty for the whole server.
    public var service = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &service) }
}

/// The health of a service.
public struct HealthCheckResponse: Message {
    /// The status: 0 unknown, 1 serving, 2 not serving.
    public var status: UInt32 = 0

    /// The ``status`` of a healthy service.
    public static let serving: UInt32 = 1
    /// The ``status`` of an unhealthy service.
    public static let notServing: UInt32 = 2

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &status) }
}

/// The versions of the agent and of its protocol.
public struct HealthVersionResponse: Message {
    /// The version of the protocol.
    public var grpcVersion = ""
    /// The version of the agent.
    public var agentVersion = ""

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &grpcVersion)
        fields.string(2, &agentVersion)
    }
}
