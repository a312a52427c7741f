internal import Configuration
internal import HTTPTransport
internal import LinuxIO
internal import Telemetry

/// What a command needs that calls servers: a loop, an HTTP client, and the signals that end it.
enum LoopFrame {
    /// Runs `body` on a loop of this thread, beside an HTTP client with these options.
    ///
    /// - Returns: what `body` returned; nil when a signal interrupted it.
    static func run<Result: Sendable>(
        _ options: HTTPClient.Options,
        _ body: @escaping @Sendable (EpollLoop, HTTPClient, Logger) async throws -> Result
    ) throws -> Result? {
        Signals.ignoreBrokenPipes()
        return try EpollLoop.run { loop in
            let signals = try Signals([Signals.interrupt, Signals.terminate], on: loop)
            let logger = Logger(level: .warning, format: .automatic)
            var options = options
            options.userAgent = "peerpodctl/\(ProjectVersion.text)"
            let http = try HTTPClient(options, on: loop, logger: logger)
            return try await withThrowingTaskGroup(of: Result??.self) { group in
                group.addTask {
                    try await http.run()
                    return nil
                }
                group.addTask {
                    _ = try await signals.next()
                    return .some(nil)
                }
                group.addTask { try await body(loop, http, logger) }
                defer { group.cancelAll() }
                while let result = try await group.next() { if let result { return result } }
                return nil
            }
        }
    }
}
