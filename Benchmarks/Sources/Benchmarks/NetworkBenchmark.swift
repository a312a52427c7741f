import LinuxIO
import NetworkRig

/// What a pod's network takes to come and to go, in namespaces on this machine. Needs root.
struct NetworkBenchmark {
    let isQuick: Bool

    func run() async throws -> [Figure] {
        let count = isQuick ? 20 : 200
        let pace = try await SetUpPace(pods: count, parallel: 20)
        return calls("inspection", pace.inspection, "20 at once", nil)
            + calls(
                "node end set-up, one by one", pace.nodeOneByOne, "\(count) pods",
                .atMost(1.5, "ms", original: "~20 ms"))
            + [wall("node end set-up, 20 at once", pace.nodeAtOnce, .atMost(0.3, "s", original: "4.1 s"))]
            + calls("VM end set-up", pace.vmAtOnce, "with inspection, 20 at once", nil)
            + calls("node end teardown", pace.tearDown, "20 at once", nil)
            + [wall("node end teardown, 20 at once", pace.tearDown, .atMost(0.6, "s", original: "-"))]
    }

    private func calls(_ name: String, _ series: SetUpPace.Series, _ detail: String, _ goal: Figure.Goal?) -> [Figure] {
        [0.5, 0.99].map { share in
            Figure(
                group: "Pod network", name: "\(name), p\(Int(share * 100))",
                value: percentile(share, of: series.calls) * 1000, unit: "ms", detail: detail,
                goal: share == 0.5 ? goal : nil)
        }
    }

    private func wall(_ name: String, _ series: SetUpPace.Series, _ goal: Figure.Goal) -> Figure {
        Figure(
            group: "Pod network", name: name, value: series.wall, unit: "s",
            detail: "\(series.calls.count) pods, wall clock",
            goal: isQuick ? nil : goal)
    }
}
