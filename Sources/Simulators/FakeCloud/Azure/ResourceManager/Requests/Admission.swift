internal import JSON

/// Checks a valid VM description against the state of the subscription: capacity, quota, network, image, disks.
struct Admission {
    let state: AzureState
    let scenario: AzureScenario
    let fixtures: Fixtures

    /// Checks that ARM makes before it accepts the request.
    func check(_ id: FakeResourceID, _ body: MachineBody) throws(FakeARMFault) {
        try checkImage(body)
        try checkNetwork(id, body)
        try checkDisks(id, body)
        if let rule = restriction(of: body) {
            throw skuNotAvailable(body, note: "restricted: \(rule.reason)")
        }
        if let rule = shortage(for: body), rule.refusal == .sku { throw skuNotAvailable(body) }
        try checkQuota(body)
    }

    /// The error of the operation if there is no capacity; nil if there is capacity.
    func allocationFailure(_ body: MachineBody) -> FakeARMFault? {
        guard let rule = shortage(for: body), rule.refusal != .sku else { return nil }
        let isZonal = !body.zones.isEmpty
        switch (rule.refusal, isZonal) {
        case (.overconstrained, _):
            return FakeARMFault(
                200, isZonal ? "OverconstrainedZonalAllocationRequest" : "OverconstrainedAllocationRequest",
                "Allocation failed. VM(s) with the following constraints cannot be allocated, because the condition is "
                    + "too restrictive. Please remove some constraints and try again. Constraints applied are:\n"
                    + (isZonal ? "  - Availability Zone\n" : "") + "  - VM Size\n")
        case (_, true):
            return FakeARMFault(
                200, "ZonalAllocationFailed",
                "Allocation failed. We do not have sufficient capacity for the requested VM size in this zone. Read "
                    + "more about improving likelihood of allocation success at http://aka.ms/allocation-guidance")
        case (_, false):
            return FakeARMFault(
                200, "AllocationFailed",
                "Allocation failed. We do not have sufficient capacity for the requested VM size in this region. Read "
                    + "more about improving likelihood of allocation success at http://aka.ms/allocation-guidance")
        }
    }

    private func restriction(of body: MachineBody) -> AzureScenario.Restriction? {
        scenario.restrictions.first { rule in
            rule.size == body.size.name && (rule.zones.isEmpty || body.zones.contains(where: rule.zones.contains))
        }
    }

    private func shortage(for body: MachineBody) -> AzureScenario.Capacity? {
        scenario.capacity.first { rule in
            rule.size == body.size.name && (rule.zone == nil || rule.zone == body.zones.first)
                && state.usage.placed(body.size, zone: rule.zone) >= rule.machines
        }
    }

    private func skuNotAvailable(_ body: MachineBody, note: String? = nil) -> FakeARMFault {
        FakeARMFault(
            409, "SkuNotAvailable",
            "The requested VM size for resource 'Following SKUs have failed for Capacity Restrictions: "
                + "\(body.size.name)' is currently not available in location '\(state.region)'"
                + (note.map { " (\($0))" } ?? "") + (body.zones.first.map { " zones '\($0)'" } ?? "")
                + ". Please try another size or deploy to a different location or different zone. See "
                + "https://aka.ms/azureskunotavailable for details.")
    }

    private func checkQuota(_ body: MachineBody) throws(FakeARMFault) {
        let (usage, quota) = (state.usage, scenario.quota)
        if body.isSpot {
            return try check(quota: "LowPriorityCores", quota.spotCores, usage.spotCores, body.size.cores)
        }
        let family = body.size.family
        try check(quota: "\(family) Cores", quota.limit(of: family), usage.cores(of: family), body.size.cores)
        try check(quota: "Total Regional Cores", quota.cores, usage.cores, body.size.cores)
        try check(quota: "Virtual Machines", quota.machines, usage.machines, 1)
    }

    private func check(quota name: String, _ limit: Int, _ usage: Int, _ required: Int) throws(FakeARMFault) {
        guard usage + required > limit else { return }
        throw FakeARMFault(
            409, "OperationNotAllowed",
            "Operation could not be completed as it results in exceeding approved \(name) quota. Additional details - "
                + "Deployment Model: Resource Manager, Location: \(state.region), Current Limit: \(limit), "
                + "Current Usage: \(usage), Additional Required: \(required), (Minimum) New Limit Required: "
                + "\(usage + required). Submit a request for Quota increase at https://aka.ms/ProdportalCRP/#blade/"
                + "Microsoft_Azure_Capacity/UsageAndQuota.ReactView/Parameters/ by specifying parameters listed in the "
                + "‘Details’ section for deployment to succeed. Please read more about quota limits at "
                + "https://docs.microsoft.com/en-us/azure/azure-supportability/per-vm-quota-requests")
    }

    private func checkImage(_ body: MachineBody) throws(FakeARMFault) {
        let path: String
        switch body.image {
        case .id(let text), .community(let text), .shared(let text): path = text
        case .platform(let publisher):
            throw FakeARMFault(
                404, "PlatformImageNotFound",
                "The platform image of publisher '\(publisher)' is not available. Verify that all fields in the "
                    + "storage profile are correct.", target: "imageReference")
        }
        guard fixtures.hasImage(path) else {
            throw FakeARMFault(
                404, "GalleryImageNotFound",
                "\"The gallery image \(path) is not available in \(state.region) region. Please contact image owner to "
                    + "replicate to this region, or change your requested region.\"", target: "imageReference")
        }
        let security = scenario.image.security.lowercased()
        if body.securityType == "ConfidentialVM", !security.hasPrefix("confidentialvm") {
            throw FakeARMFault(
                400, "BadRequest",
                "The image '\(path)' is not supported for creation of VMs with 'ConfidentialVM' security type: its "
                    + "definition has no feature SecurityType that says ConfidentialVM or ConfidentialVMSupported.",
                target: "imageReference")
        }
        if body.securityType != "ConfidentialVM", security == "confidentialvm" {
            throw FakeARMFault(
                400, "BadRequest",
                "The image '\(path)' is supported only for creation of VMs with 'ConfidentialVM' security type.",
                target: "imageReference")
        }
    }

    private func checkDisks(_ id: FakeResourceID, _ body: MachineBody) throws(FakeARMFault) {
        if let name = body.osDisk, state.disks[FakeResourceID(.disk, group: id.group, name: name)] != nil {
            throw FakeARMFault(
                409, "ConflictingUserInput",
                "Disk \(name) already exists in resource group \(id.group). Only CreateOption.Attach is supported.",
                target: "osDisk.name")
        }
        for attachment in body.attachments {
            guard let id = FakeResourceID(path: attachment.disk), let disk = state.disks[id] else {
                throw FakeARMFault(
                    404, "NotFound", "Disk \(attachment.disk) is not found.", target: "dataDisk.managedDisk.id")
            }
            if let owner = disk.machine {
                throw FakeARMFault(
                    409, "ConflictingUserInput",
                    "Disk '\(attachment.disk)' cannot be attached as the disk is already owned by VM "
                        + "'\(owner.path(in: state.subscription))'.", target: "dataDisk")
            }
            guard disk.zones == body.zones || disk.storageType.hasSuffix("ZRS") else {
                throw FakeARMFault(
                    400, "BadRequest",
                    "Disk \(id.name) cannot be attached to the VM because it is not in the same zone as the VM.",
                    target: "dataDisk")
            }
        }
    }
}
