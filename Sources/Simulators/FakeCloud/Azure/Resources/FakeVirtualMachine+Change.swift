internal import JSON

extension FakeVirtualMachine {
    /// Applies a fault of the scenario.
    mutating func apply(_ action: AzureFault.Action) {
        switch action {
        case .fail(let code, let message): outcome = .failure(FakeARMFault(200, code, message))
        case .nothing: outcome = .nothing
        case .noAddress: outcome = .noAddress
        case .guest(let fault, let life): (guestFault, guestLife) = (fault, life)
        case .refuse, .dropBefore, .dropAfter, .hang, .html, .truncate, .garbage, .delay: break
        }
    }

    /// The sent body with the changes of a PATCH.
    ///
    /// - Throws: ARM's refusal of a change to a property that cannot be changed.
    func patched(by patch: ARMNode) throws(FakeARMFault) -> JSONValue {
        guard case .object(var members) = sent else { return sent }
        for (key, _) in patch.members.entries {
            guard ["tags", "identity", "properties"].contains(key.lowercased()) else {
                throw ResourceManager.unchangeable(key)
            }
        }
        if let tags = try patch.node("tags") { members["tags"] = .object(try Tags.check(tags.members)) }
        if let identity = try patch.node("identity") { members["identity"] = .object(identity.members) }
        guard let properties = try patch.node("properties") else { return .object(members) }
        for key in properties.members.keys where key.lowercased() != "userdata" {
            throw ResourceManager.unchangeable(key)
        }
        if let userData = try properties.text("userData"), var own = members["properties"]?.objectValue {
            own["userData"] = userData.isEmpty ? nil : .string(userData)
            members["properties"] = .object(own)
        }
        return .object(members)
    }
}

extension ResourceManager {
    static func unchangeable(_ property: String) -> FakeARMFault {
        var fault = FakeARMFault(409, "PropertyChangeNotAllowed", "Changing property '\(property)' is not allowed.")
        fault.target = property
        return fault
    }

    static func beingDeleted(_ id: FakeResourceID) -> FakeARMFault {
        FakeARMFault(
            409, "OperationNotAllowed",
            "Operation 'createOrUpdate' is not allowed on VM '\(id.name)' since the VM is marked for deletion. You can "
                + "only retry the Delete operation (or wait for an ongoing one to complete).")
    }

    static func busy(_ id: FakeResourceID) -> FakeARMFault {
        FakeARMFault(
            409, "OperationNotAllowed",
            "Operation 'createOrUpdate' is not allowed on VM '\(id.name)' since another operation is in progress.")
    }

    /// Refuses a PUT that would change an existing VM.
    static func checkChange(
        of machine: FakeVirtualMachine, to body: MachineBody, _ sent: JSONValue
    ) throws(FakeARMFault) {
        guard machine.state != .deleting else { throw beingDeleted(machine.id) }
        let (old, new) = (machine.sent["properties"], sent["properties"])
        guard machine.body.zones == body.zones else { throw unchangeable("zones") }
        guard machine.body.size == body.size else {
            throw FakeARMFault(
                409, "OperationNotAllowed",
                "Unable to resize the VM '\(machine.id.name)' because the fake Azure resizes none.",
                target: "vmSize")
        }
        guard machine.body.securityType == body.securityType, machine.body.encryption == body.encryption else {
            throw unchangeable("securityProfile.securityType")
        }
        guard old?["osProfile"] == new?["osProfile"] else { throw unchangeable("osProfile") }
        guard machine.body.image == body.image else { throw unchangeable("imageReference") }
        guard machine.body.osDisk == body.osDisk, machine.body.storageType == body.storageType else {
            throw unchangeable("osDisk.name")
        }
        guard machine.body.interfaces == body.interfaces else { throw unchangeable("networkProfile") }
        guard machine.body.attachments == body.attachments else { throw unchangeable("dataDisks") }
    }
}
