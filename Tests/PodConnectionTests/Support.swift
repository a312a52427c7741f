import LinuxIO

/// A fresh directory with a short path, removed with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws { path = try Files.makeTemporaryDirectory(prefix: "/tmp/caa-test-") }

    deinit { try? Files.removeTree(path) }
}

/// Runs `body` on a loop beside `services`, which are cancelled once it has returned; nothing takes longer than `limit`.
func onLoop<Result: Sendable>(
    within limit: Duration = .seconds(120),
    beside services: [@Sendable (EpollLoop) async throws -> Void] = [],
    _ body: @escaping @Sendable (EpollLoop) async throws -> Result
) throws -> Result {
    try EpollLoop.run { loop in
        try await withThrowingTaskGroup(of: Void.self) { group in
            for service in services {
                group.addTask { do { try await service(loop) } catch is CancellationError {} }
            }
            defer { group.cancelAll() }
            return try await withDeadline(.now.advanced(by: limit), on: loop) { try await body(loop) }
        }
    }
}
