extension EpollLoop {
    /// Suspends until `instant`.
    ///
    /// - Throws: `CancellationError`, or ``LoopStopped``.
    public func sleep(until instant: ContinuousClock.Instant) async throws {
        let id = state.withLock { state in
            defer { state.nextTag += 1 }
            return state.nextTag
        }
        try await withTaskCancellationHandler {
            try await Waiter.suspend { waiter in
                let refusal: (any Error)? = state.withLock { state in
                    if state.isStopped { return LoopStopped() }
                    if Task.isCancelled { return CancellationError() }
                    state.timers.insert(.task(waiter), id: id, due: instant)
                    return nil
                }
                if let refusal { waiter.resume(throwing: refusal) } else { noticeTimer() }
            }
        } onCancel: {
            let waiter = state.withLock { state in state.timers.remove(id) }
            waiter?.fail(CancellationError())
        }
    }

    /// Calls `body` at `instant`, on the loop's thread, unless the loop has stopped. The result is for ``cancelCall(_:)``.
    ///
    /// Use this instead of ``sleep(until:)`` where very many tasks would sleep.
    package func call(at instant: ContinuousClock.Instant, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        let id = state.withLock { state in
            state.nextTag += 1
            if !state.isStopped { state.timers.insert(.call(body), id: state.nextTag - 1, due: instant) }
            return state.nextTag - 1
        }
        noticeTimer()
        return id
    }

    /// Forgets a call that was not made yet.
    package func cancelCall(_ id: UInt64) { state.withLock { state in _ = state.timers.remove(id) } }

    /// Suspends for `duration`.
    ///
    /// - Throws: `CancellationError`, or ``LoopStopped``.
    public func sleep(for duration: Duration) async throws {
        try await sleep(until: ContinuousClock.now.advanced(by: duration))
    }
}

/// The time ran out before the work was done, and the work has been cancelled.
public struct DeadlineExceeded: Error, Equatable, Sendable {
    /// Makes the error.
    public init() {}
}

/// Runs `body`, but not longer than until `deadline` (nil: without a limit).
///
/// At the deadline this function cancels `body` and waits until `body` has ended.
/// - Throws: ``DeadlineExceeded``, or the error of `body`.
public func withDeadline<Result: Sendable>(
    _ deadline: ContinuousClock.Instant?, on loop: EpollLoop,
    _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
    guard let deadline else { return try await body() }
    return try await withThrowingTaskGroup(of: Result?.self) { group in
        group.addTask { try await body() }
        group.addTask {
            try await loop.sleep(until: deadline)
            return nil
        }
        defer { group.cancelAll() }
        guard let first = try await group.next(), let result = first else { throw DeadlineExceeded() }
        return result
    }
}
