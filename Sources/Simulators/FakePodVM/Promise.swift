internal import LinuxIO

/// A value that is not there yet; any number of tasks may wait for it.
///
/// Kept once: the first outcome stands, later ones are ignored.
final class Promise<Value: Sendable>: Sendable {
    private struct State {
        var outcome: Result<Value, any Error>?
        var waiters: [UInt64: CheckedContinuation<Value, any Error>] = [:]
        var nextWaiter: UInt64 = 0
    }

    private let state = Lock(State())

    /// The value, if it is there already.
    var current: Value? { state.withLock { try? $0.outcome?.get() } }

    /// Gives all who wait, and all who will, this outcome.
    func keep(_ outcome: Result<Value, any Error>) {
        let waiters = state.withLock { state in
            if state.outcome != nil { return [CheckedContinuation<Value, any Error>]() }
            state.outcome = outcome
            defer { state.waiters = [:] }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume(with: outcome) }
    }

    /// Suspends until the promise is kept.
    ///
    /// - Throws: `CancellationError`, or the failure it was kept with.
    func value() async throws -> Value {
        let id = state.withLock { state in
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let outcome: Result<Value, any Error>? = state.withLock { state in
                    if let outcome = state.outcome { return outcome }
                    // Cancelled before it parked: the handler has run and found nobody.
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
