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
        MethodHandler(
            service: service, name: name,
            body: .unary { call, payload in try await body(call, try call.parse(payload)).encoded })
    }
}

/// A method and the code that serves it; see ``Method/handled(by:)`` and ``StreamingMethod/handled(by:)``.
public struct MethodHandler: Sendable {
    enum Body: Sendable {
        case unary(Service.Unary)
        case streaming(Service.Streaming)
    }

    let service: String
    let name: String
    let body: Body
}

extension Call {
    /// The request of this call.
    ///
    /// - Throws: INVALID_ARGUMENT if `payload` is not a message of the request type.
    func parse<Request: Message>(_ payload: [UInt8]) throws(Status) -> Request {
        do throws(ProtobufError) {
            return try Request(parsing: payload)
        } catch {
            throw Status(.invalidArgument, "\(service)/\(method): the request is malformed: \(error)")
        }
    }
}

extension Service {
    /// Makes the services of these methods. No method may occur twice.
    public static func services(of handlers: [MethodHandler]) -> [Service] {
        Dictionary(grouping: handlers, by: \.service).sorted { $0.key < $1.key }.map { name, handlers in
            var unary: [String: Service.Unary] = [:]
            var streaming: [String: Service.Streaming] = [:]
            for handler in handlers {
                precondition(unary[handler.name] == nil && streaming[handler.name] == nil, "a method occurs twice")
                switch handler.body {
                case .unary(let serve): unary[handler.name] = serve
                case .streaming(let serve): streaming[handler.name] = serve
                }
            }
            return Service(name, unary: unary, streaming: streaming)
        }
    }
}
