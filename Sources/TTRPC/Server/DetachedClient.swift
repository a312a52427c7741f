public import LinuxIO

/// A client's connection that no server serves at this moment. A server of another process can continue it.
public final class DetachedClient: Sendable {
    /// The most bytes of ``received``: a frame.
    public static let receivedLimit = FrameHeader.size + Frame.payloadLimit + ReceiveBuffer.windowLimit

    /// The client's socket.
    let stream: Stream
    /// What was read from the socket and not used.
    public let received: [UInt8]

    init(_ stream: Stream, received: [UInt8]) {
        self.stream = stream
        self.received = received
    }

    /// Takes a connection that another process has sent.
    ///
    /// - Throws: `SystemCallError` when the socket cannot be watched.
    public convenience init(_ socket: consuming OwnedFD, received: [UInt8], on loop: EpollLoop) throws {
        self.init(try Stream(socket, on: loop), received: received)
    }

    /// Sends a copy of the socket over a unix socket.
    public func sendSocket(over connection: Stream) async throws {
        try await connection.sendDescriptors([try stream.withDescriptor { $0 }])
    }

    /// Gives the socket up, because another process has it.
    public func leave() { _ = try? stream.release() }
}
