internal import Telemetry

/// The metrics of the collector of orphans.
struct CollectorMetrics: Sendable {
    let sweeps: Counter
    let deletions: Counter
    private let orphans: Gauge
    private let oldest: Gauge
    private let lastSweep: Gauge

    init(_ metrics: Metrics) {
        sweeps = metrics.counter(
            "peerpods_controller_sweeps_total",
            "Sweeps for orphans: complete, or failed because not all lists could be read.", labels: ["outcome"])
        deletions = metrics.counter(
            "peerpods_controller_deletions_total", "Deletions of orphans, by reason and outcome.",
            labels: ["reason", "outcome"])
        orphans = metrics.gauge(
            "peerpods_orphans",
            "Orphans of the last complete sweep, by reason and kind; 0 on replicas that do not lead.",
            labels: ["reason", "kind"])
        oldest = metrics.gauge(
            "peerpods_orphan_oldest_seconds",
            "How long the oldest orphan has been seen; 0 without orphans and on replicas that do not lead.")
        lastSweep = metrics.gauge(
            "peerpods_controller_last_sweep_timestamp_seconds",
            "The time of the last complete sweep, in seconds since 1970; 0 on replicas that do not lead.")
        clear()
    }

    func show(_ entries: [OrphanLedger.Entry], now: ContinuousClock.Instant, seconds: Int64) {
        var counts: [[String]: Int] = [:]
        for entry in entries { counts[[entry.orphan.reason.rawValue, entry.orphan.kind], default: 0] += 1 }
        for reason in Orphan.Reason.allCases {
            for kind in Orphan.kinds {
                orphans.set(Double(counts[[reason.rawValue, kind]] ?? 0), reason.rawValue, kind)
            }
        }
        oldest.set(entries.map { $0.first.duration(to: now) / .seconds(1) }.max() ?? 0)
        lastSweep.set(Double(seconds))
    }

    func clear() {
        for reason in Orphan.Reason.allCases { for kind in Orphan.kinds { orphans.set(0, reason.rawValue, kind) } }
        oldest.set(0)
        lastSweep.set(0)
    }
}
