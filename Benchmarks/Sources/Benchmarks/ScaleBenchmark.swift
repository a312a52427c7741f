import LinuxIO
import ScaleRig

/// A thousand nodes and five thousand pods against one subscription.
struct ScaleBenchmark {
    let loop: EpollLoop
    let isQuick: Bool
    /// `scale`, `scale-at-once`, `scale-spread` or `scale-alone`.
    let part: String

    /// Azure's limits for a subscription and principal in a region: the size of a token bucket, and its refill per second.
    private static let limits: [(kind: String, size: Double, rate: Double)] = [
        ("reads", 250, 25), ("writes", 200, 10), ("deletes", 200, 10),
    ]
    /// The duration of one pod when Azure refuses no call, with the fake's delays: boot, run time, deletion.
    private static let aloneSeconds = 12.0 + 60 + 30

    func run() async throws -> [Figure] {
        var figures: [Figure] = []
        // A pod needs so many reads that the bucket of reads, not that of writes, limits the rate.
        if ["scale", "scale-at-once"].contains(part) {
            figures += try await measure("arriving at the same time", .atOnce)
        }
        if ["scale", "scale-spread"].contains(part) {
            figures += try await measure("arriving at the refill rate of the buckets", .spread(perSecond: 2.5))
        }
        if ["scale", "scale-alone"].contains(part) { figures += try await measureAlone() }
        return figures
    }

    /// One node whose first request for a VM, and first deletion, are answered with 429 and `Retry-After: 1`.
    private func measureAlone() async throws -> [Figure] {
        // The longest delay by one refusal: Azure's Retry-After of one second, and the time until the probe.
        let cost = 7.0
        var run = ScaleRun()
        (run.nodes, run.pods, run.rollout, run.refusesFirst) = (1, 20, 0, true)
        let pause = 2.0
        run.arrivals = .spread(perSecond: 1 / pause)
        StandardError.write("  \(run.pods) pods on a single node, refused once\n")
        let report = try await run.run(on: loop) { StandardError.write("    \($0)\n") }
        let bound = pause * Double(run.pods) + ScaleBenchmark.aloneSeconds
        let group = "\(run.pods) pods on a single node, one every \(plain(pause)) s, the first PUT and DELETE refused"
        func figure(_ name: String, _ value: Double, _ unit: String, _ goal: Double, _ detail: String) -> Figure {
            Figure(
                group: group, name: name, value: value, unit: unit, detail: detail,
                goal: .atMost(goal, unit, original: ""))
        }
        return [
            figure(
                "StartVM, longest", report.startSeconds.max() ?? 0, "s", 12 + cost + 1,
                "median \(plain(percentile(0.5, of: report.startSeconds))) s; the boot takes 12 s"),
            figure(
                "from the first pod to the last VM's end", report.seconds, "s", bound + 2 * cost,
                "\(plain(bound)) s if Azure refuses nothing; \(total(report.calls, \.throttled)) 429s"),
        ]
    }

    private func measure(_ name: String, _ arrivals: ScaleRun.Arrivals) async throws -> [Figure] {
        var run = ScaleRun()
        run.arrivals = arrivals
        // A thousand calls at the same time must not queue in this process, because the answers would seem slow.
        if case .atOnce = arrivals { run.timeScale = 5 }
        if isQuick { (run.nodes, run.pods) = (50, 250) }
        StandardError.write("  \(run.pods) pods on \(run.nodes) nodes, \(name)\n")
        let report = try await run.run(on: loop) { StandardError.write("    \($0)\n") }
        for (reason, count) in report.reasons.sorted(by: { $0.value > $1.value }).prefix(5) {
            StandardError.write("    \(count) starts failed: \(reason)\n")
        }
        let group = "\(run.pods) pods on \(run.nodes) nodes, one subscription, \(name)"
        func figure(_ name: String, _ value: Double, _ unit: String, _ goal: Double?, _ detail: String = "") -> Figure {
            Figure(
                group: group, name: name, value: value, unit: unit, detail: detail,
                goal: goal.map { .atMost($0, unit, original: "") })
        }
        let (calls, refused) = (total(report.calls, \.calls), total(report.calls, \.throttled))
        let bounds = ScaleBenchmark.limits.map { limit in
            let taken = report.calls.filter { ScaleBenchmark.bucket(of: $0.key) == limit.kind }
            return (limit.kind, max(0, Double(total(taken, \.calls)) - limit.size) / limit.rate)
        }
        let slowest = bounds.max { $0.1 < $1.1 } ?? ("", 0)
        let arrival: Double = if case .spread(let rate) = arrivals { Double(run.pods) / rate } else { 0 }
        let bound = max(slowest.1, arrival) + ScaleBenchmark.aloneSeconds
        return [
            figure("pods lost", Double(report.lost), "pods", 0, "\(report.started) ran"),
            figure("starts that failed and were repeated", Double(report.failedStarts), "starts", nil),
            figure("resources left", Double(report.left), "resources", 0),
            figure(
                "429s", 100 * Double(refused) / Double(max(1, calls)), "% of calls", 1,
                "\(refused) of \(calls); before the first pod \(total(report.callsBefore, \.throttled)) of "
                    + "\(total(report.callsBefore, \.calls))"),
            figure(
                "calls per pod", Double(calls) / Double(run.pods), "calls", nil,
                report.calls.filter { $0.value.calls > 0 }.sorted { $0.value.calls > $1.value.calls }.map {
                    "\($0.key) \(plain(Double($0.value.calls) / Double(run.pods)))"
                        + ($0.value.throttled > 0 ? " (429: \($0.value.throttled))" : "")
                }.joined(separator: ", ")),
            figure(
                "time / bound", report.seconds / bound, "times", nil,
                "\(plain(report.seconds)) s; the bound is \(plain(bound)) s, by \(slowest.0): "
                    + bounds.map { "\($0.0) \(plain($0.1)) s" }.joined(separator: ", ")),
            figure(
                "StartVM, median", percentile(0.5, of: report.startSeconds), "s", nil,
                "p90 \(plain(percentile(0.9, of: report.startSeconds))) s, maximum "
                    + "\(plain(report.startSeconds.max() ?? 0)) s"),
        ]
    }

    private func total(
        _ calls: [String: (calls: Int, throttled: Int, failed: Int)],
        _ path: KeyPath<(calls: Int, throttled: Int, failed: Int), Int>
    ) -> Int {
        calls.values.reduce(0) { $0 + $1[keyPath: path] }
    }

    /// The bucket of ARM that a kind of call takes from. The token server has other buckets.
    private static func bucket(of kind: String) -> String? {
        if kind.hasSuffix("token") { return nil }
        if kind.hasPrefix("DELETE") { return "deletes" }
        return kind.hasPrefix("GET") || kind.hasPrefix("LIST") ? "reads" : "writes"
    }
}
