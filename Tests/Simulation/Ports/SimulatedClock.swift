internal import PodVMLifecycle

/// The virtual time, for one simulated process.
struct SimulatedClock: LifecycleClock {
    /// The monotonic time at which every schedule begins. Only differences of instants matter.
    static let start = ContinuousClock.now
    private static let secondsAtStart: Int64 = 1_767_225_600

    let world: World
    let process: Int

    var now: ContinuousClock.Instant { Self.start.advanced(by: world.withState(\.time)) }

    var secondsSince1970: Int64 {
        world.withState { Self.secondsAtStart + $0.wallClockOffset + Int64($0.time / .seconds(1)) }
    }

    func random() -> Double { world.withState { Double($0.random.below(1 << 20)) / Double(1 << 20) } }

    func sleep(for duration: Duration) async throws {
        guard await world.sleep(of: process, for: duration) else { throw CancellationError() }
    }
}
