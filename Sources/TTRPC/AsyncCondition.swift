internal import LinuxIO

/// Where tasks wait until it is worth looking again.
///
///     while true {
///         let generation = condition.generation
///         if let room = takeRoom() { return room }
///         await condition.wait(past: generation)
///     }
///
/// Nothing is missed: what changes between the look and the wait has opened the condition, and the
/// generation is no longer good.
package final class AsyncCondition: Sendable {
    private struct State {
        var openings: UInt64 = 0
        var nextID: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Lock(State())

    /// How often the condition has opened; take it before looking.
    package var generation: UInt64 { state.withLock { $0.openings } }

    package init() {}

    /// Lets everybody look again.
    package func notifyAll() {
        let waiters = state.withLock { state in
            state.openings &+= 1
            if state.waiters.isEmpty { return [UInt64: CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Suspends until the condition has opened since `generation`, or the caller is cancelled.
    package func wait(past generation: UInt64) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let mayLook = state.withLock { state in
                    if state.openings != generation || Task.isCancelled { return true }
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
