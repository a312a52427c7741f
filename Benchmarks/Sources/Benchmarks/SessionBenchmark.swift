import LinuxIO

/// The cost of sessions: two node ends use the same forwarder, one with sessions and one without, alternately.
struct SessionBenchmark {
    let tools: Tools
    let rig: TunnelRig

    /// The limit of the cost of a message: 3 %.
    private static let limit = 0.03

    func run(in directory: String) async throws -> [Figure] {
        let socket = "\(directory)/plain.ttrpc"
        let node = try await rig.startNode(tools, on: socket, hasSessions: false)
        return try await with([node]) {
            let check = try await compare(Scenario(name: "check-seq"), with: socket)
            var figures = [
                figure("Check, sequential, p50", check, \.p50, "us", .atMost(1 + Self.limit, "x", original: ""))
            ]
            let goal = Figure.Goal.atLeast(1 - Self.limit, "x", original: "")
            for inFlight in [1, 16, 256] {
                let calls = try await compare(Scenario(name: "check-conc", inFlight: inFlight), with: socket)
                figures.append(figure("Check calls, \(inFlight) in flight", calls, \.rps, "RPC/s", goal))
            }
            for (name, inFlight, size) in [
                ("4 KiB", 8, 4 << 10), ("32 KiB", 1, 32 << 10), ("32 KiB", 8, 32 << 10), ("64 KiB", 8, 64 << 10),
                ("1 MiB", 8, 1 << 20),
            ] {
                let reads = try await compare(Scenario(name: "read", inFlight: inFlight, size: size), with: socket)
                figures.append(figure("reads of \(name), \(inFlight) in flight", reads, \.mbps, "MB/s", goal))
            }
            return figures
        }
    }

    private func compare(_ scenario: Scenario, with plainSocket: String) async throws -> Comparison {
        try await tools.compare(scenario, on: rig.tunnelSocket, with: plainSocket)
    }

    private func figure(
        _ name: String, _ comparison: Comparison, _ value: (Peer.Measurement) -> Double, _ unit: String,
        _ goal: Figure.Goal
    ) -> Figure {
        Figure(
            group: "Tunnel: sessions relative to plain connections", name: name, value: comparison.ratio(value),
            unit: "x", detail: comparison.detail(value, unit), goal: goal)
    }
}
