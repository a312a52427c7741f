import LinuxIO
import PodVMLifecycle

/// Time that passes when somebody sleeps, and only then: an hour of retries takes no time.
final class QuickClock: LifecycleClock {
    private let state = Lock((now: ContinuousClock.now, naps: [Duration]()))
    let secondsSince1970: Int64
    private let chance: Double

    /// A clock whose dice always fall so.
    init(chance: Double = 0, secondsSince1970: Int64 = 1_767_225_600) {
        self.chance = chance
        self.secondsSince1970 = secondsSince1970
    }

    var now: ContinuousClock.Instant { state.withLock { $0.now } }
    /// How long each sleeper slept, in order.
    var naps: [Duration] { state.withLock { $0.naps } }
    var slept: Duration { naps.reduce(.zero, +) }

    func random() -> Double { chance }

    func sleep(for duration: Duration) async throws {
        await Task.yield()
        try Task.checkCancellation()
        pass(duration)
        state.withLock { $0.naps.append(duration) }
    }

    /// Lets time go by without anybody sleeping.
    func pass(_ duration: Duration) { state.withLock { $0.now = $0.now.advanced(by: duration) } }
}
