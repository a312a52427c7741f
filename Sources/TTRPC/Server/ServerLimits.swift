/// How much a server gives its clients, so that no client can take it from the others.
public struct ServerLimits: Sendable {
    /// Calls that one connection may have in flight; a further one is answered with
    /// RESOURCE_EXHAUSTED.
    public var callsPerConnection = 4096

    /// Bytes of requests that one connection's calls in flight may hold; a further call is
    /// answered with RESOURCE_EXHAUSTED.
    public var callBytesPerConnection = 32 << 20

    /// Bytes of half-received frames that all connections together may hold beyond the
    /// first 64 KiB of each. A connection that needs more waits, and so does its client.
    public var frameBudget = 8 << 20

    /// How long a frame may take from its first byte to its last, before the connection is
    /// closed.
    public var frameTime: Duration = .seconds(30)

    /// Bytes of responses that may wait for a client to read them; calls that have more to
    /// say wait.
    var queuedResponseBytes = 256 << 10

    /// Bytes of messages that may wait for a streaming handler to receive them.
    public var streamInboxBytes = 1 << 20

    /// How long a streaming handler may leave a full inbox untouched, and so hold up the other
    /// calls of its connection, before its stream is ended with RESOURCE_EXHAUSTED.
    public var streamStall: Duration = .seconds(10)

    /// What suits a unix socket with a few hundred trusted clients and some that are not.
    public static let standard = ServerLimits()

    /// The standard limits, to be changed one by one.
    public init() {}
}
