import LinuxIO
import NetworkRig

/// How long the adaptor takes to create, start and stop pods, and how much memory each pod uses.
struct PodBenchmark {
    let tools: Tools
    let rig: AdaptorRig
    /// The pods' network namespaces, if they have any.
    var namespaces: PodNamespaces?

    func run() async throws -> [Figure] { try await times() + memory() }

    func times() async throws -> [Figure] {
        let isNetworked = namespaces != nil
        let group = "Pods\(isNetworked ? " with a network" : ""): times without the VM's boot"
        let rows = [(1, 15.0, "54 ms"), (4, 20, "75 ms"), (8, 40, "141 ms"), (16, 80, "532 ms")]
        var figures: [Figure] = []
        for (atOnce, limit, original) in rows {
            var timings: [AdaptorRig.Timing] = []
            for round in 0..<max(3, tools.rounds) {
                timings += try await pods(atOnce, from: round * atOnce)
                try await rig.drained()
                try namespaces?.removePods()
                // A pod's start and stop take four reads and two writes. The adaptor limits itself to ARM's rates for a
                // subscription: 25 reads and 10 writes a second. The pause keeps that limit out of the measurement.
                try await tools.loop.sleep(for: .milliseconds(250 * atOnce))
            }
            tools.progress("\(atOnce) pods at a time")
            func p(_ share: Double, _ value: (AdaptorRig.Timing) -> Double) -> Double {
                percentile(share, of: timings.map(value))
            }
            let overhead = { (timing: AdaptorRig.Timing) in timing.start - timing.boot }
            figures.append(
                Figure(
                    group: group, name: "StartVM without the VM's boot, \(atOnce) at a time, p50",
                    value: p(0.5, overhead),
                    unit: "ms",
                    detail: "p90 \(plain(p(0.9, overhead))), max \(plain(p(1, overhead))), "
                        + "boot p50 \(plain(p(0.5, \.boot)))",
                    goal: .atMost(limit, "ms", original: original)))
            guard atOnce == 1 || atOnce == 16 else { continue }
            let goals = atOnce == 1 ? (3.0, "3.5 ms", 15.0, "143 ms") : (10.0, "23 ms", 60.0, "595 ms")
            figures.append(
                Figure(
                    group: group, name: "CreateVM, \(atOnce) at a time, p50", value: p(0.5, \.create), unit: "ms",
                    detail: "max \(plain(p(1, \.create)))", goal: .atMost(goals.0, "ms", original: goals.1)))
            figures.append(
                Figure(
                    group: group, name: "StopVM, \(atOnce) at a time, p50", value: p(0.5, \.stop), unit: "ms",
                    detail: "max \(plain(p(1, \.stop)))", goal: .atMost(goals.2, "ms", original: goals.3)))
        }
        return figures
    }

    /// CreateVM without StartVM: the adaptor's work before it asks the cloud for a VM.
    func creations() async throws -> [Figure] {
        var figures: [Figure] = []
        let group = "CreateVM alone, records in \(tools.podsDirectory ?? "memory")"
        for (atOnce, original) in [(1, 4.3), (4, 10), (8, 13), (16, 35)] {
            var times: [Double] = []
            var stops: [Double] = []
            for round in 0..<(4 * tools.rounds) {
                let created = try await withThrowingTaskGroup(of: (id: String, time: Double).self) { group in
                    for number in 0..<atOnce { group.addTask { try await rig.createPod(round * atOnce + number) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                times += created.map(\.time)
                stops += try await withThrowingTaskGroup(of: Double.self) { group in
                    for (id, _) in created { group.addTask { try await rig.stopPod(id) } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            figures.append(
                Figure(
                    group: group, name: "CreateVM, \(atOnce) at a time, p50", value: percentile(0.5, of: times),
                    unit: "ms",
                    detail: "p90 \(plain(percentile(0.9, of: times))), max \(plain(percentile(1, of: times))); "
                        + "StopVM p50 \(plain(percentile(0.5, of: stops)))",
                    goal: .atMost(original, "ms", original: "\(plain(original)) ms, on a disk")))
        }
        return figures
    }

    /// Starts and stops `count` pods at the same time.
    private func pods(_ count: Int, from first: Int) async throws -> [AdaptorRig.Timing] {
        // The CNI makes the namespaces before the shim calls.
        let paths = try (0..<count).map { try namespaces?.make(first + $0) ?? "" }
        return try await withThrowingTaskGroup(of: (String, AdaptorRig.Timing).self) { group in
            for number in 0..<count { group.addTask { try await rig.startPod(first + number, in: paths[number]) } }
            var started: [(String, AdaptorRig.Timing)] = []
            for try await pod in group { started.append(pod) }
            return try await withThrowingTaskGroup(of: AdaptorRig.Timing.self) { group in
                for (id, timing) in started {
                    group.addTask {
                        var timing = timing
                        timing.stop = try await rig.stopPod(id)
                        return timing
                    }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
        }
    }

    private func memory() async throws -> [Figure] {
        let group = "Resident memory of the adaptor"
        var figures: [Figure] = []
        var ids: [String] = []
        var before = resident(rig.adaptor.pid)
        var counted = 0
        for target in [1, 50, 200] {
            while ids.count < target {
                let batch = min(10, target - ids.count)
                let first = 1000 + ids.count
                ids += try await withThrowingTaskGroup(of: String.self) { group in
                    for number in 0..<batch { group.addTask { try await rig.startPod(first + number).id } }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
            }
            let now = resident(rig.adaptor.pid)
            figures.append(
                Figure(
                    group: group, name: "per additional pod, \(counted) to \(target)",
                    value: Double(now - before) / 1000 / Double(target - counted), unit: "kB",
                    detail: "\(plain(Double(now) / 1e6)) MB in total",
                    goal: target == 1 ? nil : .atMost(40, "kB", original: "89 kB")))
            (before, counted) = (now, target)
            tools.progress("\(target) pods run")
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for id in ids { group.addTask { _ = try await rig.stopPod(id) } }
            try await group.waitForAll()
        }
        try await rig.drained()
        return figures
    }
}

/// Resident bytes of a process.
func resident(_ pid: Int32) -> Int { SystemInfo.residentBytes(of: pid) ?? 0 }
