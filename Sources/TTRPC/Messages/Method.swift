/// A unary method: its service, its name, and its request and response types.
public struct Method<Request: Message, Response: Message>: Sendable {
    /// The full name of the service, such as `hypervisor.Hypervisor`.
    public let service: String
    /// The name within the service.
    public let name: String

    /// Makes the method `name` of `service`.
    public init(_ service: String, _ name: String) {
        self.service = service
        self.name = name
    }

    /// A handler that serves this method with `body`.
    ///
    /// A request that is not a message of the request type is answered with INVALID_ARGUMENT.
    public func handled(
        by body: @escaping @Sendable (Call, Request) async throws -> Response
    ) -> MethodHandler {
        MethodHandler(service: service, name: name) { call, payload in
            let request: Request
            do throws(ProtobufError) {
                request = try Request(parsing: payload)
            } catch {
                throw Status(.invalidArgument, "\(call.service)/\(call.method): the request is malformed: \(error)")
            }
            return try await body(call, request).encoded
        }
    }
}

/// A method and the code that serves it; see ``Method/handled(by:)``.
public struct MethodHandler: Sendable {
    let service: String
    let name: String
    let serve: @Sendable (Call, [UInt8]) async throws -> [UInt8]
}

extension Service {
    /// Makes the services of these methods. No method may occur twice.
    public static func services(of handlers: [MethodHandler]) -> [Service] {
        Dictionary(grouping: handlers, by: \.service).sorted { $0.key < $1.key }.map { name, handlers in
            Service(name, unary: Dictionary(uniqueKeysWithValues: handlers.map { ($0.name, $0.serve) }))
        }
    }
}
