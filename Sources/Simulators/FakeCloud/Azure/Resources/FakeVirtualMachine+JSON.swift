internal import JSON
internal import Telemetry

extension FakeVirtualMachine {
    /// What a GET answers.
    func json(in state: AzureState, showing expansion: Expansion = .none, status: GuestStatus? = nil) -> JSONValue {
        var members = JSONObject(members: [
            "name": .string(id.name), "id": .string(id.path(in: state.subscription)),
            "type": .string(id.kind.typeName), "location": .string(body.location),
        ])
        if !body.tags.isEmpty { members["tags"] = .object(body.tags) }
        if !body.zones.isEmpty { members["zones"] = .array(body.zones.map { .string($0) }) }
        if let identity = body.identity { members["identity"] = identity }
        members["etag"] = .string("\"\(etag)\"")
        var properties = body.properties
        properties["storageProfile"] = storage(properties["storageProfile"], in: state)
        properties["osProfile"] = system(properties["osProfile"])
        properties["networkProfile"] = network(in: state)
        properties["provisioningState"] = .string(self.state.text)
        properties["vmId"] = .string(vmID)
        properties["timeCreated"] = .string(made.description)
        switch expansion {
        case .none: break
        case .userData: properties["userData"] = .string(body.userData ?? "")
        case .instanceView: properties["instanceView"] = instanceView(in: state, status: status)
        }
        members["properties"] = .object(properties)
        return .object(members)
    }

    /// The members that `$expand` adds.
    enum Expansion { case none, instanceView, userData }

    private func storage(_ sent: JSONValue?, in state: AzureState) -> JSONValue {
        var storage = sent?.objectValue ?? JSONObject()
        if var image = storage["imageReference"]?.objectValue {
            switch body.image {
            case .id(let path), .community(let path), .shared(let path):
                if let version = path.split(separator: "/").last, path.lowercased().contains("/versions/") {
                    image["exactVersion"] = .string(String(version))
                }
            case .platform: break
            }
            storage["imageReference"] = .object(image)
        }
        var disk = storage["osDisk"]?.objectValue ?? JSONObject()
        disk["osType"] = "Linux"
        disk["name"] = .string(self.disk.name)
        disk["deleteOption"] = body.osDiskGoesWithMachine ? "Delete" : "Detach"
        disk["diskSizeGB"] = .integer(body.diskSizeGB)
        var managed = disk["managedDisk"]?.objectValue ?? JSONObject()
        managed["storageAccountType"] = .string(body.storageType)
        if hasDisk { managed["id"] = .string(self.disk.path(in: state.subscription)) }
        disk["managedDisk"] = .object(managed)
        storage["osDisk"] = .object(disk)
        storage["dataDisks"] = storage["dataDisks"] ?? []
        return .object(storage)
    }

    private func system(_ sent: JSONValue?) -> JSONValue {
        var system = sent?.objectValue ?? JSONObject()
        if var linux = system["linuxConfiguration"]?.objectValue {
            linux["provisionVMAgent"] = true
            system["linuxConfiguration"] = .object(linux)
        }
        system["secrets"] = []
        system["allowExtensionOperations"] = true
        system["requireGuestProvisionSignal"] = true
        return .object(system)
    }

    private func network(in state: AzureState) -> JSONValue {
        let references = interfaces.map { id -> JSONValue in
            let interface = state.interfaces[id]
            return [
                "id": .string(id.path(in: state.subscription)),
                "properties": [
                    "primary": .bool(interface?.isPrimary ?? true),
                    "deleteOption": interface?.goesWithMachine ?? false ? "Delete" : "Detach",
                ],
            ]
        }
        return ["networkInterfaces": .array(references)]
    }

    /// The answer to `GET .../instanceView`.
    func instanceView(in state: AzureState, status: GuestStatus?) -> JSONValue {
        var provisioning = JSONObject()
        switch self.state {
        case .failed(let fault):
            provisioning["code"] = .string("ProvisioningState/failed/\(fault.code)")
            provisioning["level"] = "Error"
            provisioning["displayStatus"] = "Provisioning failed"
            provisioning["message"] = .string(fault.message)
        case .creating, .updating, .succeeded, .deleting:
            provisioning["code"] = .string("ProvisioningState/\(self.state.text.lowercased())")
            provisioning["level"] = "Info"
            provisioning["displayStatus"] =
                self.state == .succeeded ? "Provisioning succeeded" : .string(self.state.text)
        }
        provisioning["time"] = .string(since.description)
        var statuses: [JSONValue] = [.object(provisioning)]
        switch status {
        case .running:
            statuses.append(["code": "PowerState/running", "level": "Info", "displayStatus": "VM running"])
        case .booting:
            statuses.append(["code": "PowerState/starting", "level": "Info", "displayStatus": "VM starting"])
        case .failed:
            statuses.append(["code": "PowerState/stopped", "level": "Info", "displayStatus": "VM stopped"])
        case nil: break
        }
        var view = JSONObject(members: [
            "computerName": .string(body.computerName), "hyperVGeneration": "V2",
            "disks": [["name": .string(disk.name), "statuses": [provisioningOfDisk]]],
        ])
        if status == .running {
            view["osName"] = "linux"
            view["vmAgent"] = [
                "vmAgentVersion": "2.11.1.12",
                "statuses": [
                    [
                        "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Ready",
                        "message": "Guest Agent is running", "time": .string(since.description),
                    ]
                ],
            ]
        }
        view["statuses"] = .array(statuses)
        return .object(view)
    }

    private var provisioningOfDisk: JSONValue {
        [
            "code": "ProvisioningState/succeeded", "level": "Info", "displayStatus": "Provisioning succeeded",
            "time": .string(made.description),
        ]
    }
}
