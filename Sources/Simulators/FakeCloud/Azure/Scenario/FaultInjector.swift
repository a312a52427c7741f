/// Selects the faults of a scenario for each call.
struct FaultInjector: Sendable {
    private let faults: [AzureFault]
    /// The number of calls that have matched each fault.
    private var matches: [Int]

    init(_ faults: [AzureFault]) {
        self.faults = faults
        matches = Array(repeating: 0, count: faults.count)
    }

    /// The faults of this call, or of the VM that it creates, in the scenario's order.
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
