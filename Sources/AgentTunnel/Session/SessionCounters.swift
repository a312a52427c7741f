internal import LinuxIO
public import Telemetry

/// Counts what happens to the sessions of the node's ends.
public final class SessionCounters: Sendable {
    /// The numbers since the process began.
    public struct Counts: Equatable, Sendable {
        /// Sessions that wait for a connection to their VM now.
        public var suspended = 0
        /// How often a session continued on a new connection.
        public var resumed = 0
        /// Sessions that ended before their streams, by the reason.
        public var lost: [SessionEnd: Int] = [:]
        /// Health checks that the node answered while the VM was out of reach.
        public var answered = 0
    }

    private struct Shown {
        let resumed: Counter
        let lost: Counter
        let answered: Counter
    }

    private let counts = Lock(Counts())
    private let shown = Lock<Shown?>(nil)

    /// Makes counters of nothing.
    public init() {}

    /// The numbers now.
    public var current: Counts { counts.withLock { $0 } }

    /// Shows the numbers from now on in `metrics`. Call it once.
    public func register(in metrics: Metrics) {
        let shown = Shown(
            resumed: metrics.counter(
                "peerpods_tunnel_sessions_resumed_total", "Agent connections that continued after a broken path."),
            lost: metrics.counter(
                "peerpods_tunnel_sessions_lost_total", "Agent connections that ended early.", labels: ["reason"]),
            answered: metrics.counter(
                "peerpods_tunnel_health_answered_total", "Health checks answered for VMs out of reach."))
        metrics.gauge("peerpods_tunnel_sessions_suspended", "Agent connections that wait for their VM.") {
            [counts] in Double(counts.withLock { $0.suspended })
        }
        self.shown.withLock { $0 = shown }
    }

    func suspend() { counts.withLock { $0.suspended += 1 } }

    func endSuspension(resumed isResumed: Bool, answered: Int) {
        counts.withLock { counts in
            counts.suspended -= 1
            counts.answered += answered
            if isResumed { counts.resumed += 1 }
        }
        let shown = shown.withLock { $0 }
        if isResumed { shown?.resumed.increment() }
        if answered > 0 { shown?.answered.increment(by: Double(answered)) }
    }

    func lose(_ reason: SessionEnd) {
        counts.withLock { $0.lost[reason, default: 0] += 1 }
        shown.withLock { $0 }?.lost.increment(reason.label)
    }
}
