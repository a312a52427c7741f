internal import JSON
internal import Telemetry

/// The report of a finished `run`: a timeline for one pod, percentiles for several, and every failure.
struct RunReport: Sendable {
    let outcomes: [PodOutcome]
    let concurrency: Int
    let elapsed: Duration

    /// The lines for people; bars are at most as wide as `width` columns allow.
    func lines(width: Int) -> [String] {
        var lines: [String]
        if outcomes.count == 1, let only = outcomes.first {
            lines = ["pod \(only.namespace)/\(only.pod), sandbox \(only.sandbox.prefix(12)): \(only.words)"]
            lines += only.timeline.bars(width: width).map { "  " + $0 } + only.networkLines
        } else {
            lines = [summary] + percentileTable.lines.map { "  " + $0 }
        }
        return lines + failureLines
    }

    /// The failures; empty if there are none.
    var failureLines: [String] {
        var lines: [String] = []
        for outcome in outcomes {
            if outcome.outOfMemoryKills > 0 {
                lines.append("\(outcome.pod): the VM ran out of memory \(outcome.outOfMemoryKills) time(s)")
            }
            for failure in outcome.failures + outcome.warnings { lines += failure.lines(of: outcome.pod) }
        }
        return lines
    }

    private var summary: String {
        let failed = outcomes.count { !$0.failures.isEmpty }
        let interrupted = outcomes.count { if case .interrupted = $0.result { true } else { false } }
        let nonZero = outcomes.count { if case .exited(let status) = $0.result { status != 0 } else { false } }
        var words = "\(outcomes.count) pods, \(concurrency) at a time, in \(elapsed.text): "
        words += failed == 0 ? "none failed" : "\(failed) failed"
        if interrupted > 0 { words += ", \(interrupted) interrupted" }
        if nonZero > 0 { words += ", \(nonZero) ended with a status other than 0" }
        return words
    }

    private var percentileTable: TextTable {
        var table = TextTable(["", "p50", "p90", "p99", "max"], aligned: [.left, .right, .right, .right, .right])
        for (name, spread) in percentiles {
            table.add([name, spread.p50.text, spread.p90.text, spread.p99.text, spread.max.text])
        }
        return table
    }

    /// The percentiles of each phase that at least one pod reached, and of all phases together.
    private var percentiles: [(name: String, spread: Percentiles)] {
        let phases = Phase.allCases.map { phase in
            (phase.rawValue, outcomes.compactMap { $0.timeline.length(of: phase) })
        }
        return (phases + [("total", outcomes.map(\.timeline.total))]).compactMap { name, lengths in
            Percentiles(of: lengths).map { (name, $0) }
        }
    }

    /// For programs: `{"pods": [...], "summary": {...}}`, times in milliseconds.
    var json: JSONValue {
        let spreads = percentiles.map { name, spread in
            (
                name,
                JSONValue.object(
                    JSONObject([
                        ("p50", .milliseconds(spread.p50)), ("p90", .milliseconds(spread.p90)),
                        ("p99", .milliseconds(spread.p99)), ("max", .milliseconds(spread.max)),
                    ]))
            )
        }
        let failed = outcomes.count { !$0.failures.isEmpty }
        return [
            "pods": .array(outcomes.map(\.json)),
            "summary": [
                "pods": .integer(Int64(outcomes.count)),
                "failed": .integer(Int64(failed)),
                "concurrency": .integer(Int64(concurrency)),
                "elapsedMilliseconds": .milliseconds(elapsed),
                "milliseconds": .object(JSONObject(spreads)),
            ],
        ]
    }
}

extension PodOutcome {
    fileprivate var words: String {
        switch result {
        case .exited(let status): "ended with status \(status) after \(timeline.total.text)"
        case .interrupted: "interrupted after \(timeline.total.text)"
        case .failed: "failed after \(timeline.total.text)"
        }
    }

    /// Both ends of the pod's network, if they were inspected.
    fileprivate var networkLines: [String] {
        switch network {
        case nil: []
        case .told(let report): ["  network"] + report.lines.map { $0.isEmpty ? "" : "    " + $0 }
        case .untold(let failure): ["  network: \(failure.message)".printable()]
        }
    }

    fileprivate var json: JSONValue {
        var object = JSONObject([
            ("pod", .string(pod)), ("namespace", .string(namespace)), ("sandbox", .string(sandbox)),
        ])
        for (name, value) in networkInfo?.fields ?? [] { object[name] = value }
        switch network {
        case nil: break
        case .told(let report): object["network"] = .object(report.json)
        case .untold(let failure): object["network"] = ["silence": .string(failure.message)]
        }
        switch result {
        case .exited(let status):
            object["ending"] = "exited"
            object["exitStatus"] = .integer(Int64(status))
        case .interrupted: object["ending"] = "interrupted"
        case .failed: object["ending"] = "failed"
        }
        object["phases"] = .array(
            timeline.entries.map { entry in
                [
                    "phase": .string(entry.phase.rawValue), "startMilliseconds": .milliseconds(entry.start),
                    "milliseconds": .milliseconds(entry.length),
                ]
            })
        object["totalMilliseconds"] = .milliseconds(timeline.total)
        if outOfMemoryKills > 0 { object["outOfMemoryKills"] = .integer(Int64(outOfMemoryKills)) }
        if !failures.isEmpty { object["failures"] = .array(failures.map(\.json)) }
        return .object(object)
    }
}

extension PodFailure {
    fileprivate func lines(of pod: String) -> [String] {
        var lines = ["\(pod): \(operation): \(message)".printable()]
        if !advice.isEmpty { lines.append("  " + advice.printable()) }
        return lines
    }

    fileprivate var json: JSONValue {
        ["operation": .string(operation), "message": .string(message), "advice": .string(advice)]
    }
}

extension JSONValue {
    /// Milliseconds, to the microsecond.
    fileprivate static func milliseconds(_ duration: Duration) -> JSONValue {
        .number((duration.milliseconds * 1000).rounded() / 1000)
    }
}
