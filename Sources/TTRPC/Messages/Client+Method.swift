extension Client {
    /// Calls a method with typed messages.
    ///
    /// - Throws: as ``Client/call(_:_:_:timeout:metadata:)``, and INTERNAL if the answer is not a message of the
    ///   response type.
    public func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration? = nil, metadata: Metadata = .init()
    ) async throws -> Response {
        let answer = try await call(
            method.service, method.name, request.encoded, timeout: timeout, metadata: metadata)
        do throws(ProtobufError) {
            return try Response(parsing: answer, fieldLimit: limits.answerFields)
        } catch {
            throw Status(.internal, "\(method.service)/\(method.name): the answer is malformed: \(error)")
        }
    }
}
