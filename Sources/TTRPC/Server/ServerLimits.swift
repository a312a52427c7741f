/// The limits of a server for its clients, so that no client can use all resources.
public struct ServerLimits: Sendable {
    /// The maximum connections at the same time. A further connection is closed.
    public var connections = 4096

    /// The maximum calls in flight of one connection. A further call is answered with RESOURCE_EXHAUSTED.
    public var callsPerConnection = 4096

    /// The maximum bytes of requests that the calls in flight of one connection hold. A further call is answered with
    /// RESOURCE_EXHAUSTED.
    public var callBytesPerConnection = 32 << 20

    /// The maximum bytes of incomplete frames that all connections together hold, without the first 64 KiB of each
    /// connection. A connection that needs more waits, and so does its client.
    public var frameBudget = 8 << 20

    /// The maximum time from the first byte of a frame to its last byte. After this time the connection is closed.
    public var frameTime: Duration = .seconds(30)

    /// The maximum bytes of responses that wait for a client to read them. Calls that have more responses wait.
    var queuedResponseBytes = 256 << 10

    /// The maximum bytes of messages that wait for a streaming handler to receive them.
    public var streamInboxBytes = 1 << 20

    /// The maximum time in which a streaming handler leaves a full inbox unread. A full inbox blocks the other calls of
    /// its connection. After this time the stream is ended with RESOURCE_EXHAUSTED.
    public var streamStall: Duration = .seconds(10)

    /// The limits for a unix socket with a few hundred trusted clients and some that are not trusted.
    public static let standard = ServerLimits()

    /// Makes the standard limits. The caller can change each limit.
    public init() {}
}
