package import JSON
internal import Telemetry

/// The orphans of the last sweep, for operators: what `/orphans` answers.
package struct OrphanReport: Sendable {
    /// The report as JSON.
    package let json: JSONValue

    init(
        entries: [OrphanLedger.Entry], graceTime: Duration, lastSweep: Int64?, failure: String?,
        now: ContinuousClock.Instant, seconds: Int64
    ) {
        let orphans = entries.map { entry in
            Self.json(of: entry, graceTime, now: now, seconds: seconds)
        }
        json = [
            "lastSweep": lastSweep.map { .string("\(WallTime(secondsSinceEpoch: $0))") } ?? .null,
            "lastFailure": failure.map { .string($0.printable()) } ?? .null,
            "graceSeconds": .integer(graceTime.components.seconds), "orphans": .array(orphans),
        ]
    }

    private static func json(
        of entry: OrphanLedger.Entry, _ graceTime: Duration, now: ContinuousClock.Instant, seconds: Int64
    ) -> JSONValue {
        let orphan = entry.orphan
        let left = graceTime - entry.since.duration(to: now)
        let state =
            entry.isBeingDeleted
            ? "being deleted"
            : orphan.obstacle != nil ? "stays" : "deleted after the grace time"
        return [
            "kind": .string(orphan.kind), "name": .string(orphan.name.printable()),
            "vm": text(orphan.vm), "size": text(orphan.size), "node": text(orphan.node),
            "namespace": text(orphan.namespace), "pod": text(orphan.pod),
            "created": orphan.created.map { .string("\(WallTime(secondsSinceEpoch: $0))") } ?? .null,
            "ageSeconds": orphan.created.flatMap { age(of: $0, at: seconds) }.map { .integer($0) } ?? .null,
            "reason": .string(orphan.reason.rawValue), "explanation": .string(orphan.explanation.printable()),
            "seenSeconds": .integer(entry.first.duration(to: now).components.seconds),
            "remainingGraceSeconds": orphan.obstacle == nil ? .integer(max(0, left.components.seconds)) : .null,
            "state": .string(state), "obstacle": text(orphan.obstacle), "lastFailure": text(entry.failure),
        ]
    }

    private static func age(of created: Int64, at now: Int64) -> Int64? {
        let (age, overflows) = now.subtractingReportingOverflow(created)
        return overflows ? nil : max(0, age)
    }

    private static func text(_ text: String?) -> JSONValue {
        text.flatMap { $0.isEmpty ? nil : .string($0.printable()) } ?? .null
    }
}
