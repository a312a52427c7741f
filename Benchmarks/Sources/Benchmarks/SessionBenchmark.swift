import LinuxIO

/// The cost of sessions: two node ends use the same forwarder, one with sessions and one without, alternately.
struct SessionBenchmark {
    let tools: Tools
    let rig: TunnelRig

    private struct Scenario {
        let title: String
        let name: String
        var inFlight = 1
        var size = 0
    }

    /// The limit of the cost of a message: 3 %.
    private static let limit = 0.03

    func run(in directory: String) async throws -> [Figure] {
        let socket = "\(directory)/plain.ttrpc"
        let node = try await rig.startNode(tools, on: socket, hasSessions: false)
        return try await with([node]) {
            let check = Scenario(title: "Check, sequential, p50", name: "check-seq")
            var figures = [try await compare(check, to: socket, isFaster: false) { $0.p50 }]
            for inFlight in [1, 16, 256] {
                let calls = Scenario(
                    title: "Check calls, \(inFlight) in flight", name: "check-conc", inFlight: inFlight)
                figures.append(try await compare(calls, to: socket, isFaster: true) { $0.rps })
            }
            for (name, inFlight, size) in [
                ("4 KiB", 8, 4 << 10), ("32 KiB", 1, 32 << 10), ("32 KiB", 8, 32 << 10), ("64 KiB", 8, 64 << 10),
                ("1 MiB", 8, 1 << 20),
            ] {
                let reads = Scenario(
                    title: "reads of \(name), \(inFlight) in flight", name: "read", inFlight: inFlight, size: size)
                figures.append(try await compare(reads, to: socket, isFaster: true) { $0.mbps })
            }
            return figures
        }
    }

    /// One figure: with sessions relative to without. `isFaster` says that a higher value is better.
    private func compare(
        _ scenario: Scenario, to plainSocket: String, isFaster: Bool, _ value: (Peer.Measurement) -> Double
    ) async throws -> Figure {
        var (sessions, plainConnections): ([Double], [Double]) = ([], [])
        for round in 0..<tools.rounds {
            let pair = [(rig.tunnelSocket, true), (plainSocket, false)]
            for (socket, hasSessions) in round.isMultiple(of: 2) ? pair : pair.reversed() {
                let measured = try await tools.peer.load(
                    scenario.name, on: socket, inFlight: scenario.inFlight, size: scenario.size, seconds: tools.seconds)
                if hasSessions { sessions.append(value(measured)) } else { plainConnections.append(value(measured)) }
            }
        }
        tools.progress("sessions: \(scenario.title)")
        let goal =
            isFaster
            ? Figure.Goal.atLeast(1 - Self.limit, "x", original: "") : .atMost(1 + Self.limit, "x", original: "")
        let unit = scenario.size > 0 ? "MB/s" : isFaster ? "RPC/s" : "us"
        return Figure(
            group: "Tunnel: sessions relative to plain connections", name: scenario.title,
            value: median(sessions) / median(plainConnections), unit: "x",
            detail: "\(plain(median(sessions))) / \(plain(median(plainConnections))) \(unit)", goal: goal)
    }
}
