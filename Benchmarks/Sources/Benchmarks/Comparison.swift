/// One kind of load.
struct Scenario {
    /// The load generator's name of it.
    let name: String
    var inFlight = 1
    var size = 0
    /// Between two calls of one caller.
    var pauseMilliseconds = 0
}

/// The measurements of a socket and of another one, with which it is compared; several of each.
struct Comparison {
    let baseline: [Peer.Measurement]
    let measured: [Peer.Measurement]

    func ratio(_ value: (Peer.Measurement) -> Double) -> Double {
        median(measured.map(value)) / median(baseline.map(value))
    }

    func detail(_ value: (Peer.Measurement) -> Double, _ unit: String) -> String {
        "\(plain(median(measured.map(value)))) / \(plain(median(baseline.map(value)))) \(unit)"
    }
}

extension Tools {
    /// Measures the two sockets alternately, because other processes disturb the machine.
    func compare(_ scenario: Scenario, on socket: String, with baselineSocket: String) async throws -> Comparison {
        var (baseline, measured): ([Peer.Measurement], [Peer.Measurement]) = ([], [])
        for _ in 0..<rounds {
            baseline.append(try await load(scenario, on: baselineSocket))
            measured.append(try await load(scenario, on: socket))
        }
        progress("\(scenario.name) \(scenario.inFlight) in flight \(scenario.size) bytes")
        return Comparison(baseline: baseline, measured: measured)
    }

    private func load(_ scenario: Scenario, on socket: String) async throws -> Peer.Measurement {
        try await peer.load(
            scenario.name, on: socket, inFlight: scenario.inFlight, size: scenario.size,
            pauseMilliseconds: scenario.pauseMilliseconds, seconds: seconds)
    }
}
