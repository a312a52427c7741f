import LinuxIO
import Testing

/// Runs a test's body on a loop of its own; what never comes fails it rather than hangs it.
func onLoop<Result: Sendable>(_ body: @escaping @Sendable (EpollLoop) async throws -> Result) throws -> Result {
    try EpollLoop.run { loop in
        try await withDeadline(.now + .seconds(120), on: loop) { try await body(loop) }
    }
}

/// A fresh directory, removed with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws { path = try Files.makeTemporaryDirectory(prefix: "/tmp/peer-test-") }

    deinit { try? Files.removeTree(path) }

    func socket(_ name: String) -> SocketAddress { .unix(path: path + "/" + name) }

    func write(_ text: String, to name: String) throws -> String {
        try DurableFile.write(Array(text.utf8), to: path + "/" + name)
        return path + "/" + name
    }
}

/// Runs `body` while `service` runs beside it, which is cancelled afterwards.
func alongside(
    _ service: @escaping @Sendable () async throws -> Void, _ body: () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask { try await service() }
        defer { group.cancelAll() }
        try await body()
    }
}
