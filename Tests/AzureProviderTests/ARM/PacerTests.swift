import Testing

@testable import AzureProvider

/// Simulations without tasks: nodes that share nothing but a bucket of ARM's for writes (200 calls, and 10 more a second),
/// which tells its level with each answer, a second after the call.
@Suite("Many nodes that share one bucket of Azure")
struct PacerTests {
    private struct Outcome {
        var served = 0
        var refused = 0
        /// Refused in the first five seconds, when no node can know of the others.
        var refusedAtFirst = 0
        var end = 0.0
        /// When nine tenths had been served.
        var mostly = 0.0
        /// The longest that a call waited.
        var longestWait = 0.0
    }

    private struct Node {
        var pacer: Pacer
        var arrivals: [Double]
        var looks = 0.0
        var answers: [(at: Double, epoch: Int, share: Double?)] = []
    }

    /// `unprovoked`: so many calls are refused at first, whatever the bucket holds.
    private func simulate(
        nodes count: Int, calls: Int, within: Double, unprovoked: Int = 0, seed: UInt64 = 7
    ) -> Outcome {
        var dice = Dice(seed: seed)
        var unprovoked = unprovoked
        let start = ContinuousClock.now
        var level = 200.0
        var outcome = Outcome()
        var nodes = (0..<count).map { _ in
            Node(
                pacer: Pacer(CallClass.writes.limit, now: start),
                arrivals: (0..<calls).map { _ in dice.roll() * within }.sorted(by: >))
        }
        // When each node has something to do next: most have not, most of the time.
        var due = nodes.map { $0.arrivals.last ?? 0 }
        for tick in 0..<12_000 where outcome.served < count * calls {
            let time = Double(tick) / 4
            let now = start.advanced(by: .seconds(time))
            level = min(200, level + 2.5)
            for index in 0..<count where due[index] <= time {
                for answer in nodes[index].answers where answer.at <= time {
                    if let share = answer.share {
                        nodes[index].pacer.served(at: now, takenIn: answer.epoch, share: share, random: dice.roll())
                    } else {
                        nodes[index].pacer.refused(
                            at: now, takenIn: answer.epoch, pause: .seconds(1), random: dice.roll())
                    }
                    nodes[index].looks = 0
                }
                nodes[index].answers.removeAll { $0.at <= time }
                while let arrival = nodes[index].arrivals.last, arrival <= time, nodes[index].looks <= time {
                    let epoch = nodes[index].pacer.epoch
                    if let wait = nodes[index].pacer.take(at: now, random: dice.roll()) {
                        nodes[index].looks = time + wait / .seconds(1)
                    } else if unprovoked == 0, level >= 1 {
                        outcome.longestWait = max(outcome.longestWait, time - (nodes[index].arrivals.last ?? time))
                        level -= 1
                        outcome.served += 1
                        outcome.end = time
                        if outcome.served == count * calls * 9 / 10 { outcome.mostly = time }
                        nodes[index].arrivals.removeLast()
                        nodes[index].answers.append((time + 1, epoch, level / 200))
                    } else {
                        unprovoked = max(0, unprovoked - 1)
                        outcome.refused += 1
                        if time < 5 { outcome.refusedAtFirst += 1 }
                        nodes[index].answers.append((time + 0.1, epoch, nil))
                        break
                    }
                }
                let next = nodes[index].arrivals.last.map { max($0, nodes[index].looks) } ?? .infinity
                due[index] = nodes[index].answers.reduce(next) { min($0, $1.at) }
            }
        }
        return outcome
    }

    @Test("a thousand nodes at once get two refusals each, and then use exactly the bucket's refill rate")
    func atOnce() {
        let outcome = simulate(nodes: 1000, calls: 5, within: 0.2)
        #expect(outcome.served == 5000)
        #expect(outcome.refusedAtFirst < 1600, "\(outcome)")
        #expect(outcome.refused - outcome.refusedAtFirst < 800, "\(outcome)")
        #expect(outcome.mostly < 520, "\(outcome)")
        #expect(outcome.end < 800, "\(outcome)")
    }

    @Test("a single node that is refused once is at the full rate again within seconds", arguments: 0..<20)
    func aloneAndRefused(seed: UInt64) {
        let outcome = simulate(nodes: 1, calls: 30, within: 60, unprovoked: 1, seed: seed)
        #expect(outcome.served == 30 && outcome.refused == 1)
        #expect(outcome.longestWait < 8, "\(outcome)")
        // Even a second refusal does not count as a crowd's for longer than one call.
        let again = simulate(nodes: 1, calls: 30, within: 60, unprovoked: 2, seed: seed)
        #expect(again.longestWait < 130, "\(again)")
    }

    @Test("calls that fit Azure's bucket are almost never refused")
    func fitting() {
        let outcome = simulate(nodes: 1000, calls: 5, within: 500)
        #expect(outcome.served == 5000)
        #expect(outcome.refused < 25, "\(outcome)")
        #expect(outcome.end < 600, "\(outcome)")
    }

    @Test("a single node gets the whole rate", arguments: [(20, 5.0), (100, 8), (300, 40)])
    func alone(calls: Int, limit: Double) {
        let outcome = simulate(nodes: 1, calls: calls, within: 0)
        #expect(outcome.served == calls)
        #expect(outcome.refused == 0)
        #expect(outcome.end < limit, "\(outcome)")
    }

    @Test("a few busy nodes finish their calls soon", arguments: [(3, 100), (10, 30), (20, 20)])
    func few(nodes: Int, calls: Int) {
        let outcome = simulate(nodes: nodes, calls: calls, within: 0.2)
        #expect(outcome.served == nodes * calls)
        #expect(outcome.refused < nodes * calls / 2, "\(outcome)")
        #expect(outcome.mostly < 60, "\(outcome)")
        #expect(outcome.end < 120, "\(outcome)")
    }
}

/// Chance that is the same every time.
private struct Dice {
    private var state: UInt64
    init(seed: UInt64) { state = seed }
    mutating func roll() -> Double {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Double(state >> 33) / Double(1 << 31)
    }
}
