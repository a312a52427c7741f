public import LinuxIO

/// A client's connection to an agent socket that no tunnel serves at this moment. Another process can continue it, or a
/// tunnel of this process.
public final class DetachedConnection: Sendable {
    /// The client's socket.
    let stream: Stream
    /// The session; nil if the client has sent nothing.
    let snapshot: SessionSnapshot?

    /// The most bytes of ``session``.
    public static let sessionLimit = SessionSnapshot.sizeLimit

    init(_ stream: Stream, _ snapshot: SessionSnapshot?) {
        self.stream = stream
        self.snapshot = snapshot
    }

    /// Takes a connection that another process has sent.
    ///
    /// - Throws: `SystemCallError` when the socket cannot be watched, or the reason why `session` is malformed.
    public convenience init(_ socket: consuming OwnedFD, session: [UInt8], on loop: EpollLoop) throws {
        let stream = try Stream(socket, on: loop)
        self.init(stream, session.isEmpty ? nil : try SessionSnapshot(session))
    }

    /// The session as bytes; no bytes if the client has sent nothing.
    public var session: [UInt8] { snapshot?.bytes ?? [] }

    /// Sends a copy of the socket over a unix socket.
    public func sendSocket(over connection: Stream) async throws {
        try await connection.sendDescriptors([try stream.withDescriptor { $0 }])
    }

    /// Gives the socket up, because another process has it.
    public func leave() { _ = try? stream.release() }
}
