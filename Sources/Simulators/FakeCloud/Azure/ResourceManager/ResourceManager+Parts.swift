internal import HTTPTransport
internal import JSON
internal import LinuxIO
internal import Telemetry

extension ResourceManager {
    /// `PUT` of a disk: creates an empty disk for VMs to attach; an existing disk is not changed.
    func putDisk(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        try ResourceName.checkNetworkName(id.name, "diskName")
        let root = try ARMNode(try ResourceManager.parse(exchange.request))
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
        let (operation, json) = try store.update {
            (content) throws(FakeARMFault) -> (LongRunningOperation, JSONValue) in
            if content.state.disks[id] == nil {
                content.state.disks[id] = ManagedDisk(
                    id: id, guid: RandomID.guid(), sizeGB: size, storageType: storage, zones: zones,
                    securityType: nil, image: nil, machine: nil, goesWithMachine: false, made: exchange.received,
                    origin: exchange.origin)
                content.state.note(id)
            }
            var operation = LongRunningOperation(
                id: RandomID.guid(), style: .disk, target: id, isDeletion: false, started: exchange.received)
            operation.status = .succeeded
            operation.ended = exchange.received
            content.state.operations.add(operation)
            return (operation, content.state.disks[id]?.json(in: content.state) ?? .null)
        }
        return .json(json, status: 202, headers: headers(of: operation, exchange, withLocation: true))
    }

    /// `DELETE` of an interface, an address or a disk.
    func deletePart(_ id: FakeResourceID, _ exchange: Exchange) throws(FakeARMFault) -> HTTPResponse {
        let operation = try store.update { (content) throws(FakeARMFault) in
            try content.state.delete(id, at: exchange.received)
        }
        guard let operation else { return HTTPResponse(status: 204) }
        return HTTPResponse(status: 202, headers: headers(of: operation, exchange, withLocation: true))
    }
}
