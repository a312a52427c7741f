/// A scenario, and how often each of its faults has matched.
struct FaultDraw: Sendable {
    let scenario: APIScenario
    private var matches: [Int]

    init(_ scenario: APIScenario) {
        self.scenario = scenario
        matches = Array(repeating: 0, count: scenario.faults.count)
    }

    /// The faults of this request, in the scenario's order.
    mutating func draw(_ call: APICall) -> [APIFault] {
        var drawn: [APIFault] = []
        for (index, fault) in scenario.faults.enumerated() where fault.matches(call) {
            matches[index] += 1
            if fault.first > 0, matches[index] > fault.first { continue }
            if fault.percent >= 100 || Double.random(in: 0..<100) < fault.percent { drawn.append(fault) }
        }
        return drawn
    }
}
