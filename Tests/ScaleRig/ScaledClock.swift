internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// Time that runs faster than ours, for clients of an Azure whose buckets fill as fast.
struct ScaledClock: LifecycleClock {
    let loop: EpollLoop
    /// How many of its seconds pass in one of ours.
    let scale: Double
    private let start = ContinuousClock.now
    private let wallStart = WallTime.now.secondsSinceEpoch

    init(on loop: EpollLoop, scale: Double) {
        self.loop = loop
        self.scale = scale
    }

    /// Since the beginning.
    var elapsed: Duration { start.duration(to: .now) * scale }
    var now: ContinuousClock.Instant { start.advanced(by: elapsed) }
    var secondsSince1970: Int64 { wallStart + elapsed.components.seconds }

    func random() -> Double { Double.random(in: 0..<1) }
    func sleep(for duration: Duration) async throws { try await loop.sleep(for: duration / scale) }

    /// Suspends until so long after the beginning.
    func sleep(until moment: Duration) async throws { try await sleep(for: max(.zero, moment - elapsed)) }
}
