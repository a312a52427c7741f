/// The information that a handler gets about its call, in addition to the request message.
public struct Call: Sendable {
    /// The service's full name.
    public let service: String
    /// The method's name.
    public let method: String
    /// The caller's additional information.
    public let metadata: Metadata
    /// The time at which the caller stops waiting. The handler's task is cancelled at this time.
    public let deadline: ContinuousClock.Instant?

    /// Makes a call, for a server or a test.
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
    /// A thrown ``Status`` is sent to the caller unchanged. `CancellationError` is sent as CANCELLED, and any other
    /// error as UNKNOWN with its description.
    public typealias Unary = @Sendable (Call, [UInt8]) async throws -> [UInt8]

    /// Serves a call with many messages. The call ends when the function returns. Errors are handled as for ``Unary``.
    public typealias Streaming = @Sendable (Call, ServerStream) async throws -> Void

    /// The full name, such as `grpc.AgentService`.
    public let name: String
    let unary: [String: Unary]
    let streaming: [String: Streaming]

    /// Makes a service with these methods. A name must not be in both tables.
    public init(_ name: String, unary: [String: Unary], streaming: [String: Streaming] = [:]) {
        precondition(unary.keys.allSatisfy { streaming[$0] == nil }, "a method of \(name) is unary and streaming")
        self.name = name
        self.unary = unary
        self.streaming = streaming
    }
}

extension Status {
    /// The status that the caller gets if a handler ended with `error`.
    init(describing error: any Error) {
        switch error {
        case let status as Status: self = status
        case is CancellationError: self.init(.cancelled, "the call was cancelled")
        case let error: self.init(.unknown, String(describing: error))
        }
    }
}
