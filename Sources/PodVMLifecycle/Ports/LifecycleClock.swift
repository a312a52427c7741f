package import LinuxIO
internal import Telemetry

/// Time and random numbers: from the loop in the daemon, from the test in tests.
package protocol LifecycleClock: Sendable {
    /// The monotonic time, for measuring durations.
    var now: ContinuousClock.Instant { get }

    /// The wall clock, in seconds since 1970.
    var secondsSince1970: Int64 { get }

    /// The wall clock, in milliseconds since 1970.
    var millisecondsSince1970: Int64 { get }

    /// A number in `0..<1` that differs from one call to the next, for spreading retries in time.
    func random() -> Double

    /// Suspends for `duration`. Throws if the task is cancelled, or the loop ends.
    func sleep(for duration: Duration) async throws
}

extension LifecycleClock {
    /// A clock of whole seconds.
    package var millisecondsSince1970: Int64 { secondsSince1970 * 1000 }
}

/// The time of a loop.
package struct LoopClock: LifecycleClock {
    let loop: EpollLoop

    /// A clock whose sleeps end with `loop`.
    package init(loop: EpollLoop) { self.loop = loop }

    /// The monotonic time of the process.
    package var now: ContinuousClock.Instant { .now }
    /// The wall clock, in whole seconds.
    package var secondsSince1970: Int64 { WallTime.now.secondsSinceEpoch }
    /// The wall clock, in milliseconds.
    package var millisecondsSince1970: Int64 { WallTime.now.millisecondsSinceEpoch }

    /// A number in `0..<1` from the system's generator.
    package func random() -> Double { Double.random(in: 0..<1) }
    /// Suspends on a timer of the loop.
    package func sleep(for duration: Duration) async throws { try await loop.sleep(for: duration) }
}
