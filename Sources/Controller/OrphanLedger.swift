/// The orphans that were seen, and since when. A value: its input is sightings and the time, its output is what is due.
///
/// An orphan is due when it was seen in two or more complete sightings, the first of them at least the grace time ago, and in
/// each one between. Only this process's monotonic clock counts: the clocks of the cloud and of nodes cannot shorten the time.
package struct OrphanLedger: Sendable {
    /// An orphan, and what is known about it from earlier sightings.
    package struct Entry: Equatable, Sendable {
        /// The orphan of the last sighting.
        package fileprivate(set) var orphan: Orphan
        /// The first sighting since which it has been an orphan without an interruption and without an obstacle.
        package fileprivate(set) var since: ContinuousClock.Instant
        /// The first sighting of it, with an obstacle or without.
        package let first: ContinuousClock.Instant
        /// Whether its deletion is in progress.
        package fileprivate(set) var isBeingDeleted = false
        /// Why its last deletion failed.
        package fileprivate(set) var failure: String?
    }

    /// The result of a sighting.
    package struct Findings: Equatable, Sendable {
        /// Orphans that the sighting before did not have.
        package fileprivate(set) var new: [Orphan] = []
        /// Orphans whose deletion begins now. Each stays in the ledger until ``OrphanLedger/ended(_:failure:)``.
        package fileprivate(set) var due: [Orphan] = []
    }

    /// How long something must be an orphan before it is deleted.
    package let graceTime: Duration
    private var table: [String: Entry] = [:]

    /// An empty ledger.
    package init(graceTime: Duration) { self.graceTime = graceTime }

    /// All orphans of the last sighting, the oldest first.
    package var entries: [Entry] {
        table.sorted { ($0.value.first, $0.key) < ($1.value.first, $1.key) }.map(\.value)
    }

    /// Takes the orphans of a complete sighting. What is not among them is no orphan, and its time begins again.
    package mutating func look(at orphans: [Orphan], now: ContinuousClock.Instant) -> Findings {
        var findings = Findings()
        // What is being deleted stays, listed or not, until its deletion has ended.
        var present = table.filter { $0.value.isBeingDeleted }
        for orphan in orphans where present[orphan.key] == nil {
            var entry = Entry(orphan: orphan, since: now, first: now)
            if let earlier = table[orphan.key] {
                entry = Entry(
                    orphan: orphan, since: earlier.since, first: earlier.first, isBeingDeleted: false,
                    failure: earlier.failure)
                let isSame = earlier.orphan.reason == orphan.reason && earlier.orphan.absent == orphan.absent
                if !isSame || earlier.orphan.obstacle != nil || orphan.obstacle != nil {
                    entry.since = now
                } else if earlier.since.duration(to: now) >= graceTime {
                    entry.isBeingDeleted = true
                    findings.due.append(orphan)
                }
            } else {
                findings.new.append(orphan)
            }
            present[orphan.key] = entry
        }
        table = present
        return findings
    }

    /// Records the end of a deletion. After a failure the next sighting tries again.
    package mutating func ended(_ orphan: Orphan, failure: String?) {
        guard let failure else {
            table[orphan.key] = nil
            return
        }
        table[orphan.key]?.isBeingDeleted = false
        table[orphan.key]?.failure = failure
    }
}
