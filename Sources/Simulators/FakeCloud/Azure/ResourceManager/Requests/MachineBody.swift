internal import JSON

/// The body of a PUT of a VM, parsed and checked as far as possible without other resources.
struct MachineBody: Sendable {
    /// The reference to the image.
    enum Image: Equatable, Sendable {
        /// Gallery image (version) or managed image.
        case id(String)
        case community(String)
        case shared(String)
        /// publisher:offer:sku:version
        case platform(String)
    }

    /// An interface that is created with the VM.
    struct InterfacePlan: Equatable, Sendable {
        var name: String
        var isPrimary: Bool
        var goesWithMachine: Bool
        var securityGroup: String?
        var configurations: [IPPlan]
        var hasAcceleration: Bool
    }

    /// An IP configuration of such an interface.
    struct IPPlan: Equatable, Sendable {
        var name: String
        var isPrimary: Bool
        var subnet: String
        var publicAddress: PublicPlan?
    }

    /// A public address that is created with the interface.
    struct PublicPlan: Equatable, Sendable {
        var name: String
        var goesWithInterface: Bool
        var isStandard: Bool
        var isStatic: Bool
    }

    /// An existing disk.
    struct Attachment: Equatable, Sendable {
        var lun: Int64
        var disk: String
        var goesWithMachine: Bool
    }

    var location: String
    var zones: [String]
    var tags: JSONObject
    var identity: JSONValue?
    /// As sent, without the members that answers never contain.
    var properties: JSONObject
    var size: MachineSize
    var image: Image
    var securityType: String?
    var encryption: String?
    var userData: String?
    var computerName: String
    var isSpot: Bool
    var osDisk: String?
    var osDiskGoesWithMachine: Bool
    var diskSizeGB: Int64
    var storageType: String
    var attachments: [Attachment]
    var interfaces: [InterfacePlan]
    /// Existing interfaces, and whether they are deleted with the VM.
    var references: [(path: String, goesWithMachine: Bool)]
}

extension MachineBody {
    /// Parses a request's body.
    ///
    /// - Throws: ARM's refusal.
    init(parsing value: JSONValue, region: String) throws(FakeARMFault) {
        let root = try ARMNode(value)
        location = try root.requiredText("location")
        tags = try Tags.check(root.node("tags")?.members ?? JSONObject())
        zones = try root.texts("zones")
        identity = try MachineBody.identity(root)
        let properties = try root.requiredNode("properties")
        self.properties = properties.members
        let hardware = try properties.requiredNode("hardwareProfile")
        let sizeName = try hardware.requiredText("vmSize")
        guard location.lowercased().filter({ $0 != " " }) == region.lowercased() else {
            throw FakeARMFault(
                400, "InvalidResourceLocation",
                "The provided location '\(location)' is not available for resource type "
                    + "'Microsoft.Compute/virtualMachines'. This subscription has resources in '\(region)' only.")
        }
        location = region
        guard let size = MachineSize.named(sizeName) else {
            throw FakeARMFault(
                400, "InvalidParameter", "The value \(sizeName) provided for the VM size is not valid.",
                target: "vmSize")
        }
        guard size.isSold(in: region) else {
            throw FakeARMFault(
                400, "InvalidParameter",
                "The requested VM size \(size.name) is not available in the current region. "
                    + "The sizes available in the current region are listed by the Resource SKUs API.",
                target: "vmSize")
        }
        self.size = size
        guard zones.count <= 1, zones.allSatisfy({ ["1", "2", "3"].contains($0) }) else {
            throw FakeARMFault(
                400, "InvalidAvailabilityZone",
                "The zone(s) '\(zones.joined(separator: ","))' for resource 'Microsoft.Compute/virtualMachines' "
                    + "is not supported. The supported zones for location '\(region)' are '1,2,3'.", target: "zones")
        }
        (securityType, encryption) = try MachineBody.security(properties, size)

        let storage = try properties.requiredNode("storageProfile")
        let disk = try storage.requiredNode("osDisk")
        image = try MachineBody.image(storage)
        try disk.choice("createOption", ["FromImage", "Empty", "Attach", "Copy", "Restore"], isRequired: true)
        try disk.choice("caching", ["None", "ReadOnly", "ReadWrite"])
        osDisk = try disk.text("name")
        osDiskGoesWithMachine = try disk.choice("deleteOption", ["Delete", "Detach"]) == "Delete"
        diskSizeGB = try disk.integer("diskSizeGB") ?? 30
        guard 1...4095 ~= diskSizeGB else {
            throw .invalid(
                "osDisk.diskSizeGB", "The value '\(diskSizeGB)' of parameter 'osDisk.diskSizeGB' is invalid.")
        }
        storageType =
            try disk.node("managedDisk")?.choice("storageAccountType", MachineBody.osStorageTypes) ?? "Premium_LRS"
        attachments = try MachineBody.attachments(storage, size)

        let system = try properties.requiredNode("osProfile")
        computerName = try MachineBody.checkSystem(system)
        let network = try properties.requiredNode("networkProfile")
        (interfaces, references) = try MachineBody.network(network)
        isSpot = ["Spot", "Low"].contains(try properties.choice("priority", ["Regular", "Low", "Spot"]) ?? "")
        try properties.choice("evictionPolicy", ["Deallocate", "Delete"])
        userData = try MachineBody.userData(properties)
        self.properties["userData"] = nil
        MachineBody.hideSecrets(&self.properties)
    }

    static let osStorageTypes = [
        "Standard_LRS", "StandardSSD_LRS", "Premium_LRS", "PremiumV2_LRS", "Premium_ZRS", "StandardSSD_ZRS",
    ]

    private static func identity(_ root: ARMNode) throws(FakeARMFault) -> JSONValue? {
        guard let identity = try root.node("identity") else { return nil }
        try identity.choice("type", ["SystemAssigned", "UserAssigned", "SystemAssigned, UserAssigned", "None"])
        for (id, _) in try identity.node("userAssignedIdentities")?.members.entries ?? [] {
            guard id.lowercased().contains("/microsoft.managedidentity/userassignedidentities/") else {
                throw FakeARMFault(
                    400, "InvalidParameter",
                    "Resource '\(id)' is not a user assigned identity.", target: "identity.userAssignedIdentities")
            }
        }
        return .object(identity.members)
    }

    private static func image(_ storage: ARMNode) throws(FakeARMFault) -> Image {
        guard let reference = try storage.node("imageReference") else {
            throw .missing("imageReference")
        }
        let publisher = try reference.text("publisher").map(Image.platform)
        let candidates: [Image?] = [
            try reference.text("id").map(Image.id),
            try reference.text("communityGalleryImageId").map(Image.community),
            try reference.text("sharedGalleryImageId").map(Image.shared), publisher,
        ]
        let given = candidates.compactMap { $0 }
        guard given.count == 1, let image = given.first else {
            throw .invalid("imageReference", "Exactly one of the image reference's properties must be specified.")
        }
        return image
    }

    private static func attachments(_ storage: ARMNode, _ size: MachineSize) throws(FakeARMFault) -> [Attachment] {
        var attachments: [Attachment] = []
        for disk in try storage.nodes("dataDisks") {
            let lun = try disk.requiredInteger("lun")
            let option = try disk.choice(
                "createOption", ["FromImage", "Empty", "Attach", "Copy", "Restore"], isRequired: true)
            guard 0..<64 ~= lun, !attachments.contains(where: { $0.lun == lun }) else {
                throw .invalid("dataDisk.lun", "A disk at LUN \(lun) already exists, or the LUN is out of range.")
            }
            guard option == "Attach", let id = try disk.node("managedDisk")?.text("id") else {
                throw .invalid(
                    "dataDisk.createOption", "The fake Azure attaches data disks that exist, and makes none.")
            }
            let goesWithMachine = try disk.choice("deleteOption", ["Delete", "Detach"]) == "Delete"
            attachments.append(Attachment(lun: lun, disk: id, goesWithMachine: goesWithMachine))
        }
        guard attachments.count <= size.maximumDisks else {
            throw FakeARMFault(
                409, "OperationNotAllowed",
                "The maximum number of data disks allowed to be attached to a VM of this size is \(size.maximumDisks).",
                target: "dataDisks")
        }
        return attachments
    }

    private static func userData(_ properties: ARMNode) throws(FakeARMFault) -> String? {
        guard let text = try properties.text("userData"), !text.isEmpty else { return nil }
        try UserDataRule.check(text)
        return text
    }

    private static func hideSecrets(_ properties: inout JSONObject) {
        guard var system = properties["osProfile"]?.objectValue else { return }
        system["adminPassword"] = nil
        system["customData"] = nil
        properties["osProfile"] = .object(system)
    }
}
