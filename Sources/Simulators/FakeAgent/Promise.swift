internal import LinuxIO

/// A value that is set once, later; any number of tasks can wait for it.
///
/// The first outcome counts; later ones are ignored.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var outcome: Result<Value, any Error>?
        var waiters: [UInt64: CheckedContinuation<Value, any Error>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Lock(State())

    /// The value, if it is set.
    var current: Value? { state.withLock { try? $0.outcome?.get() } }

    /// Sets the outcome for all present and future waiters.
    func keep(_ outcome: Result<Value, any Error>) {
        let waiters = state.withLock { state in
            if state.outcome != nil { return [CheckedContinuation<Value, any Error>]() }
            state.outcome = outcome
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(with: outcome) }
    }

    /// Suspends until the outcome is set.
    ///
    /// - Throws: `CancellationError`, or the failure that was set.
    func value() async throws -> Value {
        let id = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let outcome: Result<Value, any Error>? = state.withLock { state in
                    if let outcome = state.outcome { return outcome }
                    // Cancelled before the waiter was registered: the handler has already run.
                    if Task.isCancelled { return .failure(CancellationError()) }
                    state.waiters[id] = waiter
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume(throwing: CancellationError())
        }
    }
}
