public import LinuxIO
public import Telemetry

/// Serves ttrpc calls on any number of connections.
///
/// Concurrency: all tasks run on `loop`. A connection has one task that reads, one task that writes when there are
/// frames to send, and one task for each call in flight. All tasks are children of ``serve(_:)-(Listener)``.
public final class Server: Sendable {
    let router: Router
    let limits: ServerLimits
    let budget: FrameBudget
    let loop: EpollLoop
    let logger: Logger
    /// The connections that listeners have accepted, and those that ``adopt(_:)`` has taken.
    private let connections = Lock((count: 0, served: [ObjectIdentifier: ServerConnection]()))
    private let adopted = TaskPool()

    /// Makes a server of these services. Each service must have a unique name.
    ///
    /// `fallback` serves every call of another service or method, with the undecoded request. Without it, such calls are
    /// answered with UNIMPLEMENTED.
    public init(
        _ services: [Service], fallback: Service.Unary? = nil, on loop: EpollLoop, limits: ServerLimits = .standard,
        logger: Logger = .silent
    ) {
        router = Router(services, fallback: fallback)
        self.limits = limits
        budget = FrameBudget(limits.frameBudget)
        self.loop = loop
        self.logger = logger
    }

    /// Serves every client that connects, until this task is cancelled. Then calls in flight are cancelled, too.
    ///
    /// After the listener is closed, it serves the open connections, and returns when they have ended.
    /// A connection that `admits` refuses, and one over ``ServerLimits/connections``, is closed at once.
    /// - Throws: `CancellationError`, or the reason why no more connections can be accepted.
    public func serve(
        _ listener: Listener, admitting admits: @escaping @Sendable (Stream) -> Bool = { _ in true }
    ) async throws {
        try await withTaskExecutorPreference(loop) {
            try await withThrowingDiscardingTaskGroup { group in
                while let connection = try await Self.next(of: listener) {
                    guard admits(connection), self.beginConnection() else {
                        connection.close()
                        continue
                    }
                    group.addTask { await self.converse(over: connection, []) }
                }
            }
        }
    }

    private static func next(of listener: Listener) async throws -> Stream? {
        do { return try await listener.accept() } catch is StreamClosed { return nil }
    }

    /// The number of connections that listeners have accepted or that were adopted, and that have not ended. Detached
    /// connections count.
    public var connectionCount: Int { connections.withLock { $0.count } }

    private func beginConnection() -> Bool {
        connections.withLock { connections in
            guard connections.count < limits.connections else { return false }
            connections.count += 1
            return true
        }
    }

    private func converse(over stream: any ByteStream, _ received: [UInt8]) async {
        let connection = ServerConnection(stream, received: received, server: self)
        connections.withLock { $0.served[ObjectIdentifier(connection)] = connection }
        let isDetached = await connection.run()
        connections.withLock { connections in
            connections.served[ObjectIdentifier(connection)] = nil
            if !isDetached { connections.count -= 1 }
        }
    }

    /// Serves one connection until it ends. Then it cancels the calls in flight and closes the connection.
    public func serve(_ connection: any ByteStream) async {
        await withTaskExecutorPreference(loop) { _ = await ServerConnection(connection, server: self).run() }
    }
}

extension Server {
    /// Stops to serve the connections without a call in flight, and leaves them open. The caller passes each to another
    /// process and calls ``leave(_:)``, or to ``resume(_:)``.
    public func detachIdleConnections() async -> [DetachedClient] {
        let served = connections.withLock { Array($0.served.values) }
        var detached: [DetachedClient] = []
        for connection in served { if let client = await connection.detach() { detached.append(client) } }
        return detached
    }

    /// Gives up connections that another process serves.
    public func leave(_ clients: [DetachedClient]) {
        for client in clients { client.leave() }
        connections.withLock { $0.count -= clients.count }
    }

    /// Serves connections again that this server has detached.
    public func resume(_ clients: [DetachedClient]) {
        for client in clients { adopted.start { await self.converse(over: client.stream, client.received) } }
    }

    /// Serves connections that another server has detached, beyond the limit of connections too.
    public func adopt(_ clients: [DetachedClient]) {
        connections.withLock { $0.count += clients.count }
        resume(clients)
    }

    /// Serves what ``adopt(_:)`` and ``resume(_:)`` take, until this task is cancelled.
    public func serveAdopted() async { await withTaskExecutorPreference(loop) { await adopted.run() } }
}
