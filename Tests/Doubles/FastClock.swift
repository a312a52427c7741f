package import LinuxIO
internal import PodVMLifecycle

/// A clock on which time passes twenty times as fast, so that a test does not wait for the real pauses between two tries.
package struct FastClock: LifecycleClock {
    private static let speed = 20
    private static let start = ContinuousClock.now

    private let loop: EpollLoop

    /// A clock whose sleeps end with `loop`.
    package init(loop: EpollLoop) { self.loop = loop }

    package var now: ContinuousClock.Instant { Self.start.advanced(by: Self.start.duration(to: .now) * Self.speed) }
    package var secondsSince1970: Int64 { LoopClock(loop: loop).secondsSince1970 }
    package func random() -> Double { Double.random(in: 0..<1) }
    package func sleep(for duration: Duration) async throws { try await loop.sleep(for: duration / Self.speed) }
}
