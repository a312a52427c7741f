/// A method with one request and any number of responses: its service, its name, and its message types.
public struct StreamingMethod<Request: Message, Response: Message>: Sendable {
    /// The full name of the service, such as `peerpod.Gateway`.
    public let service: String
    /// The name within the service.
    public let name: String

    /// Makes the method `name` of `service`.
    public init(_ service: String, _ name: String) {
        self.service = service
        self.name = name
    }

    /// A handler that serves this method with `body`. The call ends when `body` returns.
    ///
    /// `body` sends a response with the given function, which waits if the client does not read, and throws as
    /// ``ServerStream/send(_:)`` does. A request that is not a message of the request type is answered with
    /// INVALID_ARGUMENT.
    public func handled(
        by body:
            @escaping @Sendable (Call, Request, _ send: @Sendable (Response) async throws -> Void) async throws -> Void
    ) -> MethodHandler {
        MethodHandler(
            service: service, name: name,
            body: .streaming { call, stream in
                let request: Request = try call.parse(try await stream.receive() ?? [])
                try await body(call, request) { try await stream.send($0.encoded) }
            })
    }
}

extension Client {
    /// The responses of a call, in order.
    public struct Responses<Response: Message>: Sendable {
        fileprivate let stream: ClientStream
        fileprivate let name: String
        fileprivate let fieldLimit: Int

        /// Waits for the next response; nil after the call has ended successfully.
        ///
        /// - Throws: ``Status`` if the call failed, INTERNAL if a response is not a message of the response type, or
        ///   `CancellationError`.
        public func next() async throws -> Response? {
            guard let bytes = try await stream.receive() else { return nil }
            do throws(ProtobufError) {
                return try Response(parsing: bytes, fieldLimit: fieldLimit)
            } catch {
                throw Status(.internal, "\(name): a response is malformed: \(error)")
            }
        }
    }

    /// Calls a method with one request and any number of responses.
    ///
    /// - Throws: as ``Client/call(_:_:_:timeout:metadata:)``.
    public func call<Request: Message, Response: Message>(
        _ method: StreamingMethod<Request, Response>, _ request: Request
    ) async throws -> Responses<Response> {
        let stream = try await stream(method.service, method.name, request.encoded, sendsMore: false)
        return Responses(
            stream: stream, name: "\(method.service)/\(method.name)", fieldLimit: limits.answerFields)
    }
}
