import Testing

@testable import LinuxIO

/// Runs a test's body on a loop of its own, on the thread that called.
func onLoop<Result: Sendable>(
    _ body: @escaping @Sendable (EpollLoop) async throws -> Result
) throws -> Result {
    try EpollLoop.run(body)
}

/// A fresh directory, removed with the test.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws { path = try Files.makeTemporaryDirectory(prefix: "/tmp/linuxio-test-") }

    deinit { try? Files.removeTree(path) }
}

/// Fails with the name of the call rather than hangs, when something never comes.
func soon<Result: Sendable>(
    on loop: EpollLoop, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    try await withDeadline(.now + .seconds(120), on: loop, body)
}
