internal import LinuxIO
internal import PodVMLifecycle

/// A clock whose time passes only when a task sleeps: an hour of retries takes no time.
package final class InstantClock: LifecycleClock {
    private let state = Lock((now: ContinuousClock.now, naps: [Duration]()))
    package let secondsSince1970: Int64
    private let chance: Double

    /// A clock whose random numbers are all `chance`.
    package init(chance: Double = 0, secondsSince1970: Int64 = 1_767_225_600) {
        self.chance = chance
        self.secondsSince1970 = secondsSince1970
    }

    package var now: ContinuousClock.Instant { state.withLock { $0.now } }
    /// How long each sleeper slept, in order.
    package var naps: [Duration] { state.withLock { $0.naps } }
    package var slept: Duration { naps.reduce(.zero, +) }

    package func random() -> Double { chance }

    package func sleep(for duration: Duration) async throws {
        await Task.yield()
        try Task.checkCancellation()
        pass(duration)
        state.withLock { $0.naps.append(duration) }
    }

    /// Lets time pass without a sleep.
    package func pass(_ duration: Duration) { state.withLock { $0.now = $0.now.advanced(by: duration) } }
}
