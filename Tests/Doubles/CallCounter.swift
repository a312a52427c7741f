internal import LinuxIO

/// Counts what is called, and lets a test wait for a call instead of for a while.
package final class CallCounter<Call: Hashable & Sendable>: Sendable {
    private struct State {
        var counts: [Call: Int] = [:]
        var waiters: [(call: Call, count: Int, signal: Event)] = []
    }

    private let state = Lock(State())

    package init() {}

    /// How often it was called.
    package subscript(call: Call) -> Int { state.withLock { $0.counts[call, default: 0] } }

    /// Counts a call in, and wakes who waited for it.
    package func count(_ call: Call) {
        let due = state.withLock { state in
            state.counts[call, default: 0] += 1
            let now = state.counts[call, default: 0]
            let due = state.waiters.filter { $0.call == call && $0.count <= now }
            state.waiters.removeAll { $0.call == call && $0.count <= now }
            return due
        }
        for waiter in due { waiter.signal.set() }
    }

    /// Returns once it has been called that often.
    package func reached(_ call: Call, _ count: Int = 1) async {
        let signal = Event()
        state.withLock { state in
            if state.counts[call, default: 0] >= count {
                signal.set()
            } else {
                state.waiters.append((call, count, signal))
            }
        }
        await signal.wait()
    }
}
