extension Listener {
    /// Continues to accept the connections of a socket that another process listened on; see ``send(_:over:)``.
    ///
    /// - Throws: ``SystemCallError`` when `descriptor` cannot be watched.
    public convenience init(
        adopting descriptor: consuming OwnedFD, at address: SocketAddress, on loop: EpollLoop
    ) throws(SystemCallError) {
        self.init(try Stream(descriptor, on: loop), at: address, file: Self.identity(of: address))
    }

    /// Sends copies of the listeners' descriptors over a unix socket. The listeners stay open here until
    /// ``leave()``.
    ///
    /// - Throws: as ``Stream/sendDescriptors(_:)``, and ``StreamClosed`` when a listener is closed.
    public static func send(_ listeners: [Listener], over connection: Stream) async throws {
        try await connection.sendDescriptors(listeners.map { try $0.stream.withDescriptor { $0 } })
    }

    /// Stops listening on a socket that another process has by ``send(_:over:)``. The socket file stays. Idempotent.
    public func leave() { stream.closeShared() }
}
