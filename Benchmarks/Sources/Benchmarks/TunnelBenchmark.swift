import LinuxIO

/// The cost of the tunnel relative to a direct connection. One run measures the two alternately and compares medians, because
/// other processes disturb the machine.
struct TunnelBenchmark {
    let tools: Tools
    let rig: TunnelRig

    func run() async throws -> [Figure] {
        var figures = try await latency()
        figures += try await throughput()
        figures += try await bulk()
        figures += try await processorTime()
        return figures
    }

    private func latency() async throws -> [Figure] {
        let group = "Tunnel: latency relative to a direct connection"
        let check = try await measure(Scenario(name: "check-seq"))
        let small = try await measure(Scenario(name: "read", size: 4096))
        let large = try await measure(Scenario(name: "read", size: 65536))
        let connect = try await measure(Scenario(name: "connect"))
        let spaced = try await measure(Scenario(name: "connect", pauseMilliseconds: 20))
        let mixed = try await measure(Scenario(name: "mixed"))
        func figure(
            _ name: String, _ pair: Comparison, _ value: (Peer.Measurement) -> Double, _ limit: Double, original: String
        ) -> Figure {
            Figure(
                group: group, name: name, value: pair.ratio(value), unit: "x", detail: pair.detail(value, "us"),
                goal: .atMost(limit, "x", original: original))
        }
        return [
            figure("Check, sequential, p50", check, \.p50, 2.0, original: "3.5 x"),
            Figure(
                group: group, name: "Check, sequential, p90", value: check.ratio(\.p90), unit: "x",
                detail: check.detail(\.p90, "us"), goal: nil),
            figure("Check, sequential, p99", check, \.p99, 1.8, original: "2.9 x"),
            figure("ReadStdout 4 KiB, p50", small, \.p50, 2.1, original: "3.6 x"),
            figure("ReadStdout 64 KiB, p50", large, \.p50, 2.2, original: "5.0 x"),
            figure("connect + first Check, p50", connect, \.p50, 6, original: "3.3 x"),
            Figure(
                group: group, name: "connect + first Check, p99", value: median(connect.measured.map(\.p99)) / 1000,
                unit: "ms", detail: connect.detail(\.p99, "us"), goal: .atMost(3, "ms", original: "")),
            figure("connect + first Check, 20 ms between clients, p50", spaced, \.p50, 3.3, original: "3.3 x"),
            figure("Check behind eight 1 MiB reads, p50", mixed, \.p50, 1.2, original: "2 x"),
        ]
    }

    private func throughput() async throws -> [Figure] {
        var figures: [Figure] = []
        let rows = [(1, 0.45, ".29 x"), (16, 0.5, ".17 x"), (64, 0.75, ".20 x"), (256, 0.75, ".26 x")]
        for (inFlight, limit, original) in rows {
            let pair = try await measure(Scenario(name: "check-conc", inFlight: inFlight))
            figures.append(
                Figure(
                    group: "Tunnel: Check calls per second relative to a direct connection",
                    name: "\(inFlight) in flight",
                    value: pair.ratio(\.rps), unit: "x", detail: pair.detail(\.rps, "RPC/s"),
                    goal: .atLeast(limit, "x", original: original)))
        }
        return figures
    }

    private func bulk() async throws -> [Figure] {
        let rows: [(name: String, inFlight: Int, size: Int, goal: Double, original: String)] = [
            ("4 KiB, 8 in flight", 8, 4096, 0.55, ".18 x"), ("64 KiB, 8 in flight", 8, 65536, 0.65, ".20 x"),
            ("1 MiB, 8 in flight", 8, 1 << 20, 0.7, ".26 x"), ("32 KiB, 1 in flight", 1, 32768, 0.5, ".23 x"),
            ("32 KiB, 8 in flight", 8, 32768, 0.6, ".17 x"),
        ]
        var figures: [Figure] = []
        for row in rows {
            let pair = try await measure(Scenario(name: "read", inFlight: row.inFlight, size: row.size))
            figures.append(
                Figure(
                    group: "Tunnel: read throughput relative to a direct connection", name: row.name,
                    value: pair.ratio(\.mbps),
                    unit: "x", detail: pair.detail(\.mbps, "MB/s"),
                    goal: .atLeast(row.goal, "x", original: row.original)))
        }
        return figures
    }

    private func processorTime() async throws -> [Figure] {
        let rows = [
            (1, 5.9, 5.6, "17.6 s", "16.7 s"), (16, 0.74, 0.63, "5.2 s", "4.4 s"), (256, 0.32, 0.31, "3.2 s", "2.5 s"),
        ]
        var figures: [Figure] = []
        for (inFlight, nodeGoal, guestGoal, nodeOriginal, guestOriginal) in rows {
            var (node, guest): ([Double], [Double]) = ([], [])
            for _ in 0..<tools.rounds {
                let before = (seconds(rig.node), seconds(rig.forwarder))
                let measured = try await tools.peer.load(
                    "check-conc", on: rig.tunnelSocket, inFlight: inFlight, seconds: tools.seconds)
                // The CPU time of the two ends includes the load generator's 200 warm-up calls.
                let calls = measured.rps * tools.seconds + 200
                node.append((seconds(rig.node) - before.0) / calls * 100_000)
                guest.append((seconds(rig.forwarder) - before.1) / calls * 100_000)
            }
            for (end, values, goal, original) in [
                ("node end", node, nodeGoal, nodeOriginal), ("VM end", guest, guestGoal, guestOriginal),
            ] {
                figures.append(
                    Figure(
                        group: "Tunnel: CPU seconds per 100,000 calls", name: "\(end), \(inFlight) in flight",
                        value: median(values), unit: "s", detail: "",
                        goal: .atMost(goal, "s", original: original)))
            }
        }
        return figures
    }

    private func seconds(_ child: ChildProcess) -> Double { SystemInfo.processorSeconds(of: child.pid) ?? .nan }

    private func measure(_ scenario: Scenario) async throws -> Comparison {
        try await tools.compare(scenario, on: rig.tunnelSocket, with: rig.agentSocket)
    }
}
