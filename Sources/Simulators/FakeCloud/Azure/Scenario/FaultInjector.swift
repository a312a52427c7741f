/// Decides which calls get which of a scenario's faults.
struct FaultInjector: Sendable {
    private let faults: [AzureFault]
    /// How many calls have matched each.
    private var matches: [Int]

    init(_ faults: [AzureFault]) {
        self.faults = faults
        matches = Array(repeating: 0, count: faults.count)
    }

    /// What goes wrong with this call, in the scenario's order; or with the VM that it makes.
    mutating func draw(_ call: AzureCall, _ name: String, ofMachine: Bool = false) -> [AzureFault] {
        var drawn: [AzureFault] = []
        for (index, fault) in faults.enumerated() where fault.call == nil || fault.call == call {
            guard fault.action.isOfMachine == ofMachine else { continue }
            guard fault.matches(name) else { continue }
            matches[index] += 1
            if fault.first > 0, matches[index] > fault.first { continue }
            if fault.percent >= 100 || Double.random(in: 0..<100) < fault.percent { drawn.append(fault) }
        }
        return drawn
    }
}
