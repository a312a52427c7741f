internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension FakeAzure {
    /// `PUT` of a disk: an empty one, for VMs to attach; one that is there stays as it is.
    func putDisk(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        try ResourceName.checkNetworkName(id.name, "diskName")
        let root = try ARMNode(try FakeAzure.parse(exchange.request))
        guard try root.requiredText("location").lowercased() == options.region.lowercased() else {
            throw .invalid("location", "The location is not the one of this subscription: '\(options.region)'.")
        }
        let properties = try root.requiredNode("properties")
        try properties.requiredNode("creationData").choice("createOption", ["Empty"], isRequired: true)
        let size = try properties.requiredInteger("diskSizeGB")
        guard 1...32767 ~= size else {
            throw .invalid("disk.diskSizeGB", "The value '\(size)' of parameter 'disk.diskSizeGB' is invalid.")
        }
        let zones = try root.texts("zones")
        let storage =
            try root.node("sku")?.choice("name", MachineBody.osStorageTypes + ["UltraSSD_LRS"]) ?? "Standard_LRS"
        let (operation, json) = try update { (core) throws(FakeARMFault) -> (LongOperation, JSONValue) in
            if core.state.disks[id] == nil {
                core.state.disks[id] = ManagedDisk(
                    id: id, guid: RandomID.guid(), sizeGB: size, storageType: storage, zones: zones,
                    securityType: nil, image: nil, machine: nil, goesWithMachine: false, made: exchange.received,
                    origin: exchange.origin)
                core.state.note(id)
            }
            var operation = LongOperation(
                id: RandomID.guid(), style: .disk, target: id, isDeletion: false, started: exchange.received)
            operation.status = .succeeded
            operation.ended = exchange.received
            core.state.operations.add(operation)
            return (operation, core.state.disks[id]?.json(in: core.state) ?? .null)
        }
        return .json(json, status: 202, headers: headers(of: operation, exchange, withLocation: true))
    }
}
