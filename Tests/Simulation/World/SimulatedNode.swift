internal import PodVMLifecycle

/// What the connector has on the node: VXLAN numbers in the memory of the process, and tunnels.
struct SimulatedNode {
    /// So few numbers that pods would share one soon if a number was given twice.
    static let numbers = 8

    /// The numbers that the processes have reserved.
    var reserved: [(process: Int, sandbox: SandboxID, number: Int)] = []
    /// The sandboxes whose agent socket accepts connections.
    var tunnels: [SandboxID] = []
    /// When a client was last connected.
    var lastUse: [SandboxID: Duration] = [:]

    func number(of sandbox: SandboxID) -> Int? { reserved.first { $0.sandbox == sandbox }?.number }

    func freeNumbers(of process: Int) -> [Int] {
        (1...Self.numbers).filter { number in
            !reserved.contains { $0.process == process && $0.number == number }
        }
    }

    mutating func release(_ sandbox: SandboxID) { reserved.removeAll { $0.sandbox == sandbox } }

    /// The memory of a process ends with it.
    mutating func forget(_ process: Int) { reserved.removeAll { $0.process == process } }

    mutating func disconnect(_ sandbox: SandboxID) { tunnels.removeAll { $0 == sandbox } }
}
