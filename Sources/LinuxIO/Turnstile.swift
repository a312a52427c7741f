/// Lets a few through at once, and the others in the order they came.
package final class Turnstile: Sendable {
    private struct State {
        var free: Int
        var nextID: UInt64 = 0
        var queue: [(id: UInt64, waiter: CheckedContinuation<Void, any Error>)] = []
    }

    private let state: Lock<State>

    /// A turnstile with `count` places; 1 lets in one at a time.
    package init(_ count: Int) { state = Lock(State(free: count)) }

    /// Runs `body` once there is room for it.
    ///
    /// - Throws: `CancellationError` when cancelled in the queue, or what `body` threw.
    package func pass<Result>(_ body: () async throws -> Result) async throws -> Result {
        try await enter()
        defer { leave() }
        return try await body()
    }

    private func enter() async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { waiter in
                let outcome: Swift.Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if state.free > 0 {
                        state.free -= 1
                        return .success(())
                    }
                    state.queue.append((id, waiter))
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.queue.firstIndex { $0.id == id }.map { state.queue.remove(at: $0).waiter }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func leave() {
        let next = state.withLock { state in
            // Who is first in the queue takes over the place that becomes free.
            if state.queue.isEmpty {
                state.free += 1
                return nil as CheckedContinuation<Void, any Error>?
            }
            return state.queue.removeFirst().waiter
        }
        next?.resume()
    }
}
