/// Admits a limited number of callers at the same time. The other callers wait in the order of their arrival.
package final class AsyncSemaphore: Sendable {
    private struct State {
        var free: Int
        var nextID: UInt64 = 0
        var queue: [(id: UInt64, waiter: CheckedContinuation<Bool, Never>)] = []
    }

    private let state: Lock<State>

    /// Makes a semaphore with `count` places. With 1, it admits one caller at a time.
    package init(_ count: Int) { state = Lock(State(free: count)) }

    /// The number of callers that wait.
    package var waiting: Int { state.withLock { $0.queue.count } }

    /// Runs `body` when a place is free.
    ///
    /// - Throws: `CancellationError` if the caller is cancelled in the queue, or the error of `body`.
    package func withPermit<Result>(_ body: () async throws -> Result) async throws -> Result {
        let id = nextID()
        let isIn = await withTaskCancellationHandler {
            await enter(id, unlessCancelled: true)
        } onCancel: {
            let waiter = state.withLock { state in
                state.queue.firstIndex { $0.id == id }.map { state.queue.remove(at: $0).waiter }
            }
            waiter?.resume(returning: false)
        }
        guard isIn else { throw CancellationError() }
        defer { leave() }
        return try await body()
    }

    /// Runs `body` when a place is free, even if the caller is cancelled. Use this for work that must be done in any
    /// case.
    package func withPermitIgnoringCancellation<Result, Failure: Error>(
        _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        _ = await enter(nextID(), unlessCancelled: false)
        defer { leave() }
        return try await body()
    }

    private func nextID() -> UInt64 {
        state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
    }

    /// Waits for a free place. Returns whether the caller may run.
    private func enter(_ id: UInt64, unlessCancelled: Bool) async -> Bool {
        await withCheckedContinuation { waiter in
            let isIn: Bool? = state.withLock { state in
                if unlessCancelled, Task.isCancelled { return false }
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.queue.append((id, waiter))
                return nil
            }
            if let isIn { waiter.resume(returning: isIn) }
        }
    }

    private func leave() {
        let next = state.withLock { state in
            // The first caller in the queue takes over the place that becomes free.
            if state.queue.isEmpty {
                state.free += 1
                return nil as CheckedContinuation<Bool, Never>?
            }
            return state.queue.removeFirst().waiter
        }
        next?.resume(returning: true)
    }
}
