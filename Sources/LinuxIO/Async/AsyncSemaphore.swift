/// Admits a bounded number of callers at once, and the others in the order in which they came.
package final class AsyncSemaphore: Sendable {
    private struct State {
        var free: Int
        var nextID: UInt64 = 0
        var queue: [(id: UInt64, waiter: CheckedContinuation<Bool, Never>)] = []
    }

    private let state: Lock<State>

    /// A semaphore with `count` places; 1 lets in one at a time.
    package init(_ count: Int) { state = Lock(State(free: count)) }

    /// How many callers wait.
    package var waiting: Int { state.withLock { $0.queue.count } }

    /// Runs `body` once there is room for it.
    ///
    /// - Throws: `CancellationError` when cancelled in the queue, or what `body` threw.
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

    /// Runs `body` once there is room for it, even if the caller is cancelled: for what has to be done in any case.
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

    /// Returns once there is room, with whether the caller may go in.
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
            // Who is first in the queue takes over the place that becomes free.
            if state.queue.isEmpty {
                state.free += 1
                return nil as CheckedContinuation<Bool, Never>?
            }
            return state.queue.removeFirst().waiter
        }
        next?.resume(returning: true)
    }
}
