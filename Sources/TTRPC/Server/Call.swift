/// What a handler is told about the call it serves, beside the request message.
public struct Call: Sendable {
    /// The service's full name.
    public let service: String
    /// The method's name.
    public let method: String
    /// What the caller said beside the request.
    public let metadata: Metadata
    /// When the caller stops waiting; by then the handler's task is cancelled.
    public let deadline: ContinuousClock.Instant?

    /// Makes a call, as a server or a test does.
    public init(
        service: String, method: String, metadata: Metadata = .init(), deadline: ContinuousClock.Instant? = nil
    ) {
        self.service = service
        self.method = method
        self.metadata = metadata
        self.deadline = deadline
    }
}

/// A named set of methods that a ``Server`` serves.
public struct Service: Sendable {
    /// Serves a call with one request and one response, both encoded messages.
    ///
    /// A ``Status`` thrown reaches the caller as it is, `CancellationError` as CANCELLED,
    /// and any other error as UNKNOWN with its description.
    public typealias Unary = @Sendable (Call, [UInt8]) async throws -> [UInt8]

    /// Serves a call of many messages; returning ends it. Errors are as for ``Unary``.
    public typealias Streaming = @Sendable (Call, ServerStream) async throws -> Void

    /// The full name, such as `grpc.AgentService`.
    public let name: String
    let unary: [String: Unary]
    let streaming: [String: Streaming]

    /// Names the methods; a name must not be in both.
    public init(_ name: String, unary: [String: Unary], streaming: [String: Streaming] = [:]) {
        precondition(unary.keys.allSatisfy { streaming[$0] == nil }, "a method of \(name) is unary and streaming")
        self.name = name
        self.unary = unary
        self.streaming = streaming
    }
}

extension Status {
    /// What a caller is told when a handler ended with `error`.
    init(describing error: any Error) {
        switch error {
        case let status as Status: self = status
        case is CancellationError: self.init(.cancelled, "the call was cancelled")
        case let error: self.init(.unknown, String(describing: error))
        }
    }
}
