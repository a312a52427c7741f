/// An event that happens once. Any number of tasks can wait for the event.
public final class Event: Sendable {
    private struct State {
        var isSet = false
        var nextID = 0
        var waiters: [Int: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Lock(State())

    /// Makes an event that has not happened.
    public init() {}

    /// Whether the event has happened.
    public var isSet: Bool { state.withLock { $0.isSet } }

    /// Sets the event, and wakes all tasks that wait for the event, in the order of their arrival. Idempotent.
    public func set() {
        let waiters = state.withLock { state in
            state.isSet = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.sorted(by: { $0.key < $1.key }) { waiter.value.resume() }
    }

    /// Suspends until the event has happened, even if the caller is cancelled.
    package func waitIgnoringCancellation() async {
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                if state.isSet { return true }
                state.waiters[state.nextID] = waiter
                state.nextID += 1
                return false
            }
            if isOver { waiter.resume() }
        }
    }

    /// Suspends until the event has happened or the caller is cancelled.
    public func wait() async {
        let id = state.withLock { state in
            defer { state.nextID += 1 }
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let isOver = state.withLock { state in
                    if state.isSet || Task.isCancelled { return true }
                    state.waiters[id] = waiter
                    return false
                }
                if isOver { waiter.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id) }?.resume()
        }
    }
}
