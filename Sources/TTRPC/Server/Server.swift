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
    private let connections = Lock(0)

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
                    group.addTask {
                        defer { self.endConnection() }
                        await self.converse(over: connection)
                    }
                }
            }
        }
    }

    private static func next(of listener: Listener) async throws -> Stream? {
        do { return try await listener.accept() } catch is StreamClosed { return nil }
    }

    /// The number of connections that listeners have accepted and that have not ended.
    public var connectionCount: Int { connections.withLock { $0 } }

    private func beginConnection() -> Bool {
        connections.withLock { count in
            guard count < limits.connections else { return false }
            count += 1
            return true
        }
    }

    private func endConnection() { connections.withLock { $0 -= 1 } }

    /// Serves one connection until it ends. Then it cancels the calls in flight and closes the connection.
    public func serve(_ connection: any ByteStream) async {
        await withTaskExecutorPreference(loop) { await converse(over: connection) }
    }

    private func converse(over stream: any ByteStream) async {
        await ServerConnection(stream, server: self).run()
    }
}
