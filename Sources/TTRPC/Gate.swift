internal import LinuxIO

/// Where tasks wait until it is worth looking again.
///
///     while true {
///         let ticket = gate.ticket
///         if let room = takeRoom() { return room }
///         await gate.wait(past: ticket)
///     }
///
/// Nothing is missed: what changes between the look and the wait has opened the gate, and the
/// ticket is no longer good.
package final class Gate: Sendable {
    private struct State {
        var openings: UInt64 = 0
        var nextID: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
    }

    private let state = Lock(State())

    /// How often the gate has opened; take it before looking.
    package var ticket: UInt64 { state.withLock { $0.openings } }

    package init() {}

    /// Lets everybody look again.
    package func open() {
        let waiters = state.withLock { state in
            state.openings &+= 1
            if state.waiters.isEmpty { return [UInt64: CheckedContinuation<Void, Never>]() }
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume() }
    }

    /// Suspends until the gate has opened since `ticket`, or the caller is cancelled.
    package func wait(past ticket: UInt64) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                let mayLook = state.withLock { state in
                    if state.openings != ticket || Task.isCancelled { return true }
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
