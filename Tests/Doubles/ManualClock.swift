internal import LinuxIO
internal import PodVMLifecycle

/// Time that moves only when a test says so.
package final class ManualClock: LifecycleClock {
    private struct State {
        var now = ContinuousClock.now
        var sleepers: [(until: ContinuousClock.Instant, signal: Event)] = []
        var naps: [Duration] = []
    }

    private let state = Lock(State())
    private let sleeps = CallCounter<Bool>()
    private let start = 1_767_225_600 as Int64

    package init() {}

    package var now: ContinuousClock.Instant { state.withLock { $0.now } }
    package var secondsSince1970: Int64 { start }

    /// How long each sleeper wanted to sleep, in order.
    package var naps: [Duration] { state.withLock { $0.naps } }

    /// No chance: waits are as long as they can be.
    package func random() -> Double { 0 }

    package func sleep(for duration: Duration) async throws {
        let signal = Event()
        state.withLock { state in
            state.naps.append(duration)
            state.sleepers.append((state.now.advanced(by: duration), signal))
        }
        sleeps.count(true)
        await signal.wait()
        state.withLock { state in state.sleepers.removeAll { $0.signal === signal } }
        try Task.checkCancellation()
    }

    /// Returns once tasks have begun to sleep that many times, in all.
    package func slept(_ times: Int) async { await sleeps.reached(true, times) }

    /// Moves time on, and wakes those whose time has come.
    package func advance(by duration: Duration) {
        let due = state.withLock { state in
            state.now = state.now.advanced(by: duration)
            return state.sleepers.filter { $0.until <= state.now }
        }
        for sleeper in due { sleeper.signal.set() }
    }
}
