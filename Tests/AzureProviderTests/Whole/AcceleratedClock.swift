import LinuxIO
import PodVMLifecycle

/// A loop's time, many times as fast: pauses that are minutes at Azure are moments in a test.
struct AcceleratedClock: LifecycleClock {
    /// How many times as fast. Azure's own time is ours, so the more others want the processor, the longer it seems.
    var factor = 100
    private static let begin = ContinuousClock.now

    let loop: EpollLoop

    var now: ContinuousClock.Instant {
        Self.begin.advanced(by: Self.begin.duration(to: .now) * factor)
    }
    var secondsSince1970: Int64 { 1_767_225_600 }

    func random() -> Double { Double.random(in: 0..<1) }
    func sleep(for duration: Duration) async throws { try await loop.sleep(for: duration / factor) }
}
