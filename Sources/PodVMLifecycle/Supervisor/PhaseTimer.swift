internal import LinuxIO
internal import Telemetry

/// The phase of a CreateVM or StartVM, and the time spent in each phase.
final class PhaseTimer: Sendable {
    /// The phases; the raw value is the label in metrics.
    enum Phase: String, Sendable {
        case preparing = "prepare"
        case creating = "create"
        case connecting = "connect"
    }

    private let clock: any LifecycleClock
    private let begun: ContinuousClock.Instant
    private let marks: Lock<[(phase: Phase, begun: ContinuousClock.Instant)]>

    /// Begins with `phase`.
    init(_ phase: Phase, clock: any LifecycleClock) {
        self.clock = clock
        begun = clock.now
        marks = Lock([(phase, begun)])
    }

    /// The phase that began last.
    var phase: Phase { marks.withLock { $0.last?.phase ?? .preparing } }

    /// The time since the first phase began.
    var total: Duration { begun.duration(to: clock.now) }

    func begin(_ phase: Phase) {
        let now = clock.now
        marks.withLock { $0.append((phase, now)) }
    }

    /// Adds the duration of each phase, and `total`, to the histogram.
    func report(to histogram: Histogram) {
        let now = clock.now
        let marks = marks.withLock { $0 }
        for (mark, end) in zip(marks, marks.dropFirst().map(\.begun) + [now]) {
            histogram.observe(mark.begun.duration(to: end), mark.phase.rawValue)
        }
        histogram.observe(begun.duration(to: now), "total")
    }
}
