internal import JSON
internal import Telemetry

/// The resources of a fake subscription, as a value: no clock, no socket.
///
/// ``changes`` has the ids of changed resources, for the store that writes them to disk.
struct AzureState: Sendable {
    let subscription: String
    let region: String
    var machines = ResourceTable<FakeVirtualMachine>()
    var interfaces = ResourceTable<FakeNetworkInterface>()
    var publicAddresses = ResourceTable<PublicAddress>()
    var disks = ResourceTable<ManagedDisk>()
    var operations = OperationRegistry()
    private(set) var usage = QuotaUsage()
    private var machinesByToken: [String: FakeResourceID] = [:]
    private(set) var changes: Set<FakeResourceID> = []
    /// See ``document(_:)``.
    var documents: [FakeResourceID: [UInt8]] = [:]

    init(subscription: String, region: String) {
        self.subscription = subscription
        self.region = region
    }

    /// Whether there are no resources.
    var isEmpty: Bool {
        machines.count == 0 && interfaces.count == 0 && publicAddresses.count == 0 && disks.count == 0
    }

    /// The ids of resources that have changed since the last call.
    mutating func takeChanges() -> Set<FakeResourceID> {
        defer { changes = [] }
        return changes
    }

    /// Records that a resource has changed. Every change of a resource needs it.
    mutating func note(_ id: FakeResourceID) {
        changes.insert(id)
        documents[id] = nil
    }

    /// The VM whose guest has this token.
    func machine(token: String) -> FakeVirtualMachine? { machinesByToken[token].flatMap { machines[$0] } }

    mutating func insert(_ machine: FakeVirtualMachine) {
        machines[machine.id] = machine
        machinesByToken[machine.metadataToken] = machine.id
        usage.add(machine.body, isPlaced: machine.isPlaced, times: 1)
        note(machine.id)
    }

    mutating func remove(machine id: FakeResourceID) {
        guard let machine = machines[id] else { return }
        machines[id] = nil
        machinesByToken[machine.metadataToken] = nil
        usage.add(machine.body, isPlaced: machine.isPlaced, times: -1)
        note(id)
    }

    /// Changes the VM, if it has this `vmID` and is not being deleted.
    @discardableResult
    mutating func change(_ id: FakeResourceID, _ vmID: String, _ body: (inout FakeVirtualMachine) -> Void) -> Bool {
        guard let machine = machines[id], machine.vmID == vmID, machine.state != .deleting else { return false }
        machines.change(id, body)
        note(id)
        return true
    }

    /// Whether the VM still has this `vmID` and is not being deleted.
    func isCurrent(_ id: FakeResourceID, _ vmID: String) -> Bool {
        machines[id].map { $0.vmID == vmID && $0.state != .deleting } ?? false
    }
}

/// How much of each quota is in use.
struct QuotaUsage: Equatable, Sendable {
    private(set) var machines = 0
    private(set) var cores = 0
    private(set) var spotCores = 0
    /// By family, in lower case.
    private(set) var families: [String: Int] = [:]
    /// The number of VMs that use capacity, by size and zone (`""`: all zones).
    private var placed: [String: Int] = [:]

    mutating func add(_ body: MachineBody, isPlaced: Bool, times: Int) {
        machines += times
        if body.isSpot {
            spotCores += times * body.size.cores
        } else {
            cores += times * body.size.cores
            families[body.size.family.lowercased(), default: 0] += times * body.size.cores
        }
        guard isPlaced else { return }
        let size = body.size.name.lowercased()
        placed["\(size)/", default: 0] += times
        if let zone = body.zones.first { placed["\(size)/\(zone)", default: 0] += times }
    }

    /// The number of VMs of a size in a zone; nil: in the region.
    func placed(_ size: MachineSize, zone: String?) -> Int {
        placed["\(size.name.lowercased())/\(zone ?? "")"] ?? 0
    }

    func cores(of family: String) -> Int { families[family.lowercased()] ?? 0 }
}
