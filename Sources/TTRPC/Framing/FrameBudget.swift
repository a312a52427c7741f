internal import LinuxIO

/// A memory budget for long frames. All connections of a server share it.
///
/// The order is first come, first served, so many short frames cannot starve a long frame.
final class FrameBudget: Sendable {
    private struct State {
        var available: Int
        var queue: [UInt64] = []
        var nextID: UInt64 = 0
    }

    private let state: Lock<State>
    private let condition = AsyncCondition()
    private let total: Int

    init(_ bytes: Int) {
        // A smaller budget could never hold the longest frame, so the client of such a frame would wait without end.
        total = max(bytes, Frame.payloadLimit)
        state = Lock(State(available: total))
    }

    /// Suspends until `bytes` are free, and takes them.
    func take(_ bytes: Int) async throws(CancellationError) {
        let id = state.withLock { state in
            state.nextID += 1
            state.queue.append(state.nextID)
            return state.nextID
        }
        while true {
            let generation = condition.generation
            let isTaken = state.withLock { state in
                guard state.queue.first == id, state.available >= bytes else { return false }
                state.queue.removeFirst()
                state.available -= bytes
                return true
            }
            if isTaken { return condition.notifyAll() }  // The next waiter may fit, too.
            if Task.isCancelled {
                state.withLock { state in state.queue.removeAll { $0 == id } }
                condition.notifyAll()
                throw CancellationError()
            }
            await condition.wait(past: generation)
        }
    }

    /// Returns bytes to the budget.
    func give(_ bytes: Int) {
        state.withLock { $0.available += bytes }
        condition.notifyAll()
    }
}
