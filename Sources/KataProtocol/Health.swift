public import TTRPC

/// `grpc.Health`, as kata's agent serves it beside `grpc.AgentService`.
public enum Health {
    /// The service's name on the wire.
    public static let service = "grpc.Health"

    /// Whether a service is well.
    public static let check = Method<HealthCheckRequest, HealthCheckResponse>(service, "Check")
    /// Which versions the agent is and speaks.
    public static let version = Method<HealthCheckRequest, HealthVersionResponse>(service, "Version")
}

/// Asks after a service; kata's shim names none.
public struct HealthCheckRequest: Message {
    /// The service's full name, or nothing for the whole.
    public var service = ""

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.string(1, &service) }
}

/// Whether the service is well.
public struct HealthCheckResponse: Message {
    /// 0 unknown, 1 serving, 2 not serving.
    public var status: UInt32 = 0

    /// ``status`` of a service that is well.
    public static let serving: UInt32 = 1
    /// ``status`` of a service that is not.
    public static let notServing: UInt32 = 2

    /// All fields unset.
    public init() {}
    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &status) }
}

/// Which versions the agent is and speaks.
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
