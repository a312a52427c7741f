/// A condition variable for tasks: a task waits until the state that it reads may have changed.
///
///     while true {
///         let generation = condition.generation
///         if let room = takeRoom() { return room }
///         await condition.wait(past: generation)
///     }
///
/// The task misses no change. A change between the read and the wait increments the generation, so the wait returns
/// immediately.
package final class AsyncCondition: Sendable {
    private struct State {
        var notifications: UInt64 = 0
        var nextID: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Lock(State())

    /// The number of notifications. Read this value before you read the state.
    package var generation: UInt64 { state.withLock { $0.notifications } }

    /// A condition without waiting tasks.
    package init() {}

    /// Wakes all waiting tasks.
    package func notifyAll() {
        let waiters = state.withLock { state in
            state.notifications &+= 1
            if state.waiters.isEmpty { return [UInt64: CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Suspends until there is a notification after `generation`, or until the caller is cancelled.
    package func wait(past generation: UInt64) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let mayLook = state.withLock { state in
                    if state.notifications != generation || Task.isCancelled { return true }
                    state.waiters[id] = waiter
                    return false
                }
                if mayLook { waiter.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}
