public import TTRPC

/// Calls the methods that a namespace such as ``AgentService`` names.
///
///     let agent = AgentClient(client)
///     let health = try await agent.check(HealthCheckRequest(), timeout: .seconds(30))
@dynamicMemberLookup
public struct TypedClient<Methods>: Sendable {
    private let client: Client

    /// Calls over `client`, which somebody else runs.
    public init(_ client: Client) { self.client = client }

    /// One of the methods, ready to be called.
    public subscript<Request, Response>(
        dynamicMember method: KeyPath<Methods.Type, Method<Request, Response>>
    ) -> MethodCaller<Request, Response> {
        MethodCaller(method: Methods.self[keyPath: method], client: client)
    }
}

/// `hypervisor.Hypervisor` at the other end of a connection.
public typealias HypervisorClient = TypedClient<Hypervisor>
/// `podvminfo.PodVMInfo` at the other end of a connection.
public typealias PodVMInfoClient = TypedClient<PodVMInfo>
/// `peerpod.v1.Sandboxes` at the other end of a connection.
public typealias SandboxesClient = TypedClient<Sandboxes>
/// `grpc.AgentService` and `grpc.Health` at the other end of a connection.
public typealias AgentClient = TypedClient<AgentService>

/// A method at the other end of one connection.
public struct MethodCaller<Request: Message, Response: Message>: Sendable {
    let method: Method<Request, Response>
    let client: Client

    /// Calls the method and waits for its answer.
    ///
    /// - Throws: what ``TTRPC/Client/call(_:_:_:timeout:metadata:)`` throws; INTERNAL when the
    ///   answer is no message of its type.
    public func callAsFunction(
        _ request: Request = Request(), timeout: Duration? = nil, metadata: Metadata = .init()
    ) async throws -> Response {
        let payload = try await client.call(
            method.service, method.name, request.encoded, timeout: timeout, metadata: metadata)
        do throws(ProtobufError) {
            return try Response(parsing: payload)
        } catch {
            throw Status(.internal, "\(method.service)/\(method.name): the response is malformed: \(error)")
        }
    }
}

extension MethodCaller where Response == Empty {
    /// Calls the method and waits until it is done.
    ///
    /// - Throws: as the general form does.
    public func callAsFunction(
        _ request: Request = Request(), timeout: Duration? = nil, metadata: Metadata = .init()
    ) async throws {
        _ = try await client.call(
            method.service, method.name, request.encoded, timeout: timeout, metadata: metadata)
    }
}
