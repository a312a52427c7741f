/// A unary method: where it is found, and what goes in and out.
public struct Method<Request: Message, Response: Message>: Sendable {
    /// The full name of its service, such as `hypervisor.Hypervisor`.
    public let service: String
    /// Its name within the service.
    public let name: String

    /// The method `name` of `service`.
    public init(_ service: String, _ name: String) {
        self.service = service
        self.name = name
    }

    /// This method, served by `body`.
    ///
    /// A request that is not a message of its type is answered with INVALID_ARGUMENT.
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

/// A method with what serves it; see ``Method/handled(by:)``.
public struct MethodHandler: Sendable {
    let service: String
    let name: String
    let serve: @Sendable (Call, [UInt8]) async throws -> [UInt8]
}

extension Service {
    /// Makes the services that these methods belong to. No method may come twice.
    public static func services(of handlers: [MethodHandler]) -> [Service] {
        Dictionary(grouping: handlers, by: \.service).sorted { $0.key < $1.key }.map { name, handlers in
            Service(name, unary: Dictionary(uniqueKeysWithValues: handlers.map { ($0.name, $0.serve) }))
        }
    }
}
