import LinuxIO
import NetworkRig

/// How long it takes to set up and tear down pods' networks, and how fast they are, in namespaces on this machine. Needs root.
struct NetworkBenchmark {
    let isQuick: Bool

    func run() async throws -> [Figure] { try await setUps() + paths() + checks() }

    private func setUps() async throws -> [Figure] {
        let count = isQuick ? 20 : 200
        let pace = try await SetUpPace(pods: count, parallel: 20)
        return calls("inspection", pace.inspection, "20 at a time", nil)
            + calls(
                "node end set-up, one by one", pace.nodeOneByOne, "\(count) pods",
                .atMost(1.5, "ms", original: "~20 ms"))
            + [wall("node end set-up, 20 at a time", pace.nodeAtOnce, .atMost(0.3, "s", original: "4.1 s"))]
            + calls("VM end set-up", pace.vmAtOnce, "with inspection, 20 at a time", nil)
            + calls("node end teardown", pace.tearDown, "20 at a time", nil)
            + [wall("node end teardown, 20 at a time", pace.tearDown, .atMost(0.6, "s", original: "-"))]
    }

    /// TCP and ping through the tunnel, relative to a pod's veth pair in the same round.
    private func paths() async throws -> [Figure] {
        guard PathPace.canMeasure else {
            StandardError.write("  SKIP: throughput and latency need iperf3, ping and ss (scripts/setup test)\n")
            return []
        }
        var figures: [Figure] = []
        for (overVersion6, name) in [(false, "IPv4"), (true, "IPv6")] {
            let (rounds, seconds) = isQuick ? (1, 1) : (overVersion6 ? 3 : 9, 2)
            let pace = try await PathPace(rounds: rounds, seconds: seconds, overVersion6: overVersion6)
            let what = overVersion6 ? ", outer packets IPv6" : ""
            let streams = [("into", pace.into, ".40 x"), ("out of", pace.out, ".83 x")]
            figures += streams.map { direction, series, original in
                ratio(
                    "one TCP stream \(direction) the pod\(what)", series, scale: 1e-9, unit: "Gbit/s",
                    overVersion6 ? nil : .atLeast(0.85, "x", original: original))
            }
            figures.append(
                ratio(
                    "ping round trip\(what), p50", pace.echo, scale: 1e6, unit: "us",
                    overVersion6 ? nil : .atMost(1.5, "x", original: "1.9 x")))
            figures.append(fragments(what, pace, .atMost(0, "fragments", original: "hundreds of thousands when slow")))
            StandardError.write("  \(name): \(rounds) rounds\n")
        }
        // The original uses an MTU of 1450 in the VM, also where the path carries less.
        for (mtu, what) in [(nil, ""), (1450, ", MTU 1450 in the VM as in the original")] {
            let (rounds, seconds) = isQuick ? (1, 1) : (3, 2)
            let pace = try await PathPace(rounds: rounds, seconds: seconds, underlayMTU: 1400, mtu: mtu)
            let name = ", path MTU 1400 between node and VM\(what)"
            figures.append(ratio("one TCP stream into the pod\(name)", pace.into, scale: 1e-9, unit: "Gbit/s", nil))
            figures.append(fragments(name, pace, nil))
        }
        return figures
    }

    /// The throughput that the checks against forged packets cost.
    func checks() async throws -> [Figure] {
        guard PathPace.canMeasure else { return [] }
        let pace = try await CheckPace(rounds: isQuick ? 1 : 9, seconds: isQuick ? 1 : 2)
        return [("into", pace.into), ("out of", pace.out)].map { direction, series in
            let costs = series.costs.map { $0 * 100 }
            return Figure(
                group: "Pod network", name: "checks against forged packets, one TCP stream \(direction) the pod",
                value: median(costs), unit: "%",
                detail: "\(plain(median(series.checked) / 1e9)) with, \(plain(median(series.unchecked) / 1e9)) Gbit/s "
                    + "without the checks; \(plain(costs.min() ?? .nan)) to \(plain(costs.max() ?? .nan)) % in one round",
                goal: isQuick ? nil : .atMost(2, "%", original: "no checks"))
        }
    }

    private func fragments(_ what: String, _ pace: PathPace, _ goal: Figure.Goal?) -> Figure {
        Figure(
            group: "Pod network", name: "fragments\(what)", value: Double(pace.fragments), unit: "fragments",
            detail: "outer packets of all these streams, node and VM", goal: goal)
    }

    private func ratio(
        _ name: String, _ series: PathPace.Series, scale: Double, unit: String, _ goal: Figure.Goal?
    ) -> Figure {
        let ratios = series.ratios
        return Figure(
            group: "Pod network", name: name, value: median(ratios), unit: "x",
            detail: "\(plain(median(series.tunnel) * scale)) / \(plain(median(series.cable) * scale)) \(unit), "
                + "ratio of one round \(plain(ratios.min() ?? .nan)) to \(plain(ratios.max() ?? .nan))",
            goal: isQuick ? nil : goal)
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
