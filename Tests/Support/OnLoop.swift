package import LinuxIO

/// Runs a test's body on a loop of its own; a body that does not end within `limit` fails the test.
///
/// The loop has a thread of its own, so that a test that waits does not hold a thread of Swift's pool, of which there are only
/// as many as processors. A bounded number of loops run at once. `services` run beside the body and are cancelled when the body
/// has returned.
/// - Throws: what the body or a service threw, or `DeadlineExceeded`.
package func onLoop<Result: Sendable>(
    within limit: Duration = .seconds(300),
    beside services: [@Sendable (EpollLoop) async throws -> Void] = [],
    _ body: @escaping @Sendable (EpollLoop) async throws -> Result
) async throws -> Result {
    // A loop inside a loop's body needs no permit of its own: tests that wait for each other's permits would wait forever.
    if Nesting.isInLoop { return try await runLoop(within: limit, beside: services, body) }
    return try await loops.withPermit { try await runLoop(within: limit, beside: services, body) }
}

private func runLoop<Result: Sendable>(
    within limit: Duration, beside services: [@Sendable (EpollLoop) async throws -> Void],
    _ body: @escaping @Sendable (EpollLoop) async throws -> Result
) async throws -> Result {
    try await Thread.offLoop {
        try EpollLoop.run { loop in
            try await Nesting.$isInLoop.withValue(true) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for service in services {
                        group.addTask { do { try await service(loop) } catch is CancellationError {} }
                    }
                    defer { group.cancelAll() }
                    return try await withDeadline(.now.advanced(by: limit), on: loop) { try await body(loop) }
                }
            }
        }
    }
}

private enum Nesting {
    /// Whether the current task runs in the body of ``onLoop(within:beside:_:)``.
    @TaskLocal static var isInLoop = false
}

/// How many tests' loops run at once; PEERPODS_TEST_LOOPS sets another number. With four, the processors are idle while tests wait
/// for processes. With sixteen, tests that count what the whole process has fail sometimes.
private let loops = AsyncSemaphore(Environment.all["PEERPODS_TEST_LOOPS"].flatMap { Int($0) } ?? 8)

/// Runs `body` while `services` run beside it, which are cancelled when the body has returned.
package func alongside(
    _ services: [@Sendable () async throws -> Void], _ body: () async throws -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        for service in services { group.addTask { try await service() } }
        defer { group.cancelAll() }
        try await body()
    }
}

/// Runs `body` while `service` runs beside it, which is cancelled when the body has returned.
package func alongside(
    _ service: @escaping @Sendable () async throws -> Void, _ body: () async throws -> Void
) async throws {
    try await alongside([service], body)
}
