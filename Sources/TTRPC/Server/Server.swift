public import LinuxIO
public import Telemetry

/// Serves ttrpc calls on any number of connections.
///
/// Concurrency: everything runs on `loop`. A connection is one task that reads, one that writes
/// once there is something to say, and one for each call in flight; all are children of
/// ``serve(_:)-(Listener)``.
public final class Server: Sendable {
    let router: Router
    let limits: ServerLimits
    let budget: FrameBudget
    let loop: EpollLoop
    let logger: Logger

    /// Makes a server of these services, of which no two may have one name.
    public init(
        _ services: [Service], on loop: EpollLoop, limits: ServerLimits = .standard, logger: Logger = .silent
    ) {
        router = Router(services)
        self.limits = limits
        budget = FrameBudget(limits.frameBudget)
        self.loop = loop
        self.logger = logger
    }

    /// Serves every client that connects, until cancelled; calls in flight are then cancelled, too.
    ///
    /// - Throws: `CancellationError`, or why no more connections can be accepted.
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

    /// Serves one connection until it ends, which cancels its calls in flight. Closes it.
    public func serve(_ connection: any ByteStream) async {
        await withTaskExecutorPreference(loop) { await converse(over: connection) }
    }

    private func converse(over stream: any ByteStream) async {
        await ServerConnection(stream, server: self).run()
    }
}
