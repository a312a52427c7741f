import LinuxIO
import PodVMLifecycle

/// Time that a sleeper takes with it: whoever sleeps wakes at once, and it is later by then.
final class LeapingClock: LifecycleClock {
    private let state = Lock((now: ContinuousClock.now, naps: [Duration]()))

    var now: ContinuousClock.Instant { state.withLock { $0.now } }
    var secondsSince1970: Int64 { 1_767_225_600 }
    /// How long was slept, in order.
    var naps: [Duration] { state.withLock { $0.naps } }
    var slept: Duration { naps.reduce(.zero, +) }

    func random() -> Double { 0 }

    func sleep(for duration: Duration) async throws {
        state.withLock { state in
            state.now = state.now.advanced(by: duration)
            state.naps.append(duration)
        }
        await Task.yield()
        try Task.checkCancellation()
    }
}
