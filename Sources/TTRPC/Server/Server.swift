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

    /// Makes a server of these services. Each service must have a unique name.
    public init(
        _ services: [Service], on loop: EpollLoop, limits: ServerLimits = .standard, logger: Logger = .silent
    ) {
        router = Router(services)
        self.limits = limits
        budget = FrameBudget(limits.frameBudget)
        self.loop = loop
        self.logger = logger
    }

    /// Serves every client that connects, until this task is cancelled. Then calls in flight are cancelled, too.
    ///
    /// - Throws: `CancellationError`, or the reason why no more connections can be accepted.
    public func serve(_ listener: Listener) async throws {
        try await withTaskExecutorPreference(loop) {
            try await withThrowingDiscardingTaskGroup { group in
                while true {
                    let connection = try await listener.accept()
                    group.addTask { await self.converse(over: connection) }
                }
            }
        }
    }

    /// Serves one connection until it ends. Then it cancels the calls in flight and closes the connection.
    public func serve(_ connection: any ByteStream) async {
        await withTaskExecutorPreference(loop) { await converse(over: connection) }
    }

    private func converse(over stream: any ByteStream) async {
        await ServerConnection(stream, server: self).run()
    }
}
