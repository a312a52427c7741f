internal import JSON
internal import PeerPodProtocol
internal import TTRPC
internal import Telemetry

/// The VMs of all nodes of a cluster, by node.
struct ClusterMachines: Sendable {
    /// Sorted by node, then by age, the oldest first.
    let machines: [MachineStatus]

    /// The time limit for the cloud's list, which may have many pages.
    private static let patience = Duration.seconds(120)

    init(_ machines: [MachineStatus]) {
        self.machines = machines.sorted { ($0.node, $0.created, $0.name) < ($1.node, $1.created, $1.name) }
    }

    /// Asks the adaptor, which asks the cloud.
    static func list(_ socket: HypervisorSocket) async throws -> ClusterMachines {
        ClusterMachines(try await socket.call(Sandboxes.machines, Empty(), timeout: patience).machines)
    }

    /// A table, and the number of VMs of each node.
    func lines(now: WallTime) -> [String] {
        guard !machines.isEmpty else { return ["no VMs"] }
        var table = TextTable(
            ["NODE", "POD", "VM", "SIZE", "AGE"], aligned: [.left, .left, .left, .left, .right])
        for machine in machines {
            table.add([
                machine.node.isEmpty ? "-" : machine.node, "\(machine.podNamespace)/\(machine.podName)", machine.name,
                machine.size.isEmpty ? "-" : machine.size, ageText(of: machine.created, now: now),
            ])
        }
        let nodes = Set(machines.map(\.node)).count
        return table.lines + ["", "\(machines.count) VMs of \(nodes) nodes"]
    }

    var json: JSONValue {
        .array(
            machines.map { machine in
                [
                    "node": .string(machine.node), "namespace": .string(machine.podNamespace),
                    "pod": .string(machine.podName),
                    "vm": .string(machine.name), "sandbox": .string(machine.sandbox), "size": .string(machine.size),
                    "created": .integer(machine.created),
                ]
            })
    }
}
