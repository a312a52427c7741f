internal import Encoding
internal import JSON

extension MachineBody {
    /// Checks security type and disk encryption, together and with the size.
    static func security(
        _ properties: ARMNode, _ size: MachineSize
    ) throws(FakeARMFault) -> (type: String?, encryption: String?) {
        let profile = try properties.node("securityProfile")
        var type = try profile?.choice("securityType", ["TrustedLaunch", "ConfidentialVM", "Standard"])
        if type == "Standard" { type = nil }
        let firmware = try profile?.node("uefiSettings")
        let hasVTPM = try firmware?.flag("vTpmEnabled") ?? false
        let hasSecureBoot = try firmware?.flag("secureBootEnabled") ?? false
        let managed = try properties.node("storageProfile")?.node("osDisk")?.node("managedDisk")
        let diskSecurity = try managed?.node("securityProfile")
        let encryption = try diskSecurity?.choice(
            "securityEncryptionType", ["VMGuestStateOnly", "DiskWithVMGuestState", "NonPersistedTPM"])

        if type != "ConfidentialVM" {
            if size.technology != nil {
                throw bad(
                    "The VM size '\(size.name)' is not supported for creation of VMs and Virtual Machine Scale Set with "
                        + "'\(type ?? "<NULL>")' security type.")
            }
            guard encryption == nil else {
                throw bad(
                    "managedDisk.securityProfile.securityEncryptionType can be set only for VMs with 'ConfidentialVM' "
                        + "security type.")
            }
            return (type, nil)
        }
        guard size.technology != nil, let encryption else {
            let cause = encryption.map { "set as '\($0)'" } ?? "not set"
            throw bad(
                "The VM size '\(size.name)' is not supported for creation of VMs and Virtual Machine Scale Set with "
                    + "'ConfidentialVM' security type and managedDisk.securityProfile.securityEncryptionType \(cause)")
        }
        guard hasVTPM else {
            throw bad("vTPM must be enabled for VMs with 'ConfidentialVM' security type.")
        }
        let hostEncryption = try profile?.flag("encryptionAtHost") ?? false
        if encryption == "DiskWithVMGuestState" {
            guard hasSecureBoot else {
                throw bad("Secure boot must be enabled when securityEncryptionType is 'DiskWithVMGuestState'.")
            }
            guard !hostEncryption else {
                throw bad("encryptionAtHost cannot be enabled when securityEncryptionType is 'DiskWithVMGuestState'.")
            }
        }
        return (type, encryption)
    }

    private static func bad(_ message: String) -> FakeARMFault { FakeARMFault(400, "BadRequest", message) }

    /// User names that Azure refuses for administrators.
    private static let forbiddenUsers: Set = [
        "administrator", "admin", "user", "user1", "test", "user2", "test1", "user3", "admin1", "1", "123", "a",
        "actuser", "adm", "admin2", "aspnet", "backup", "console", "david", "guest", "john", "owner", "root", "server",
        "sql", "support", "support_388945a0", "sys", "test2", "test3", "user4", "user5",
    ]

    /// Checks the guest's name and its administrator.
    ///
    /// - Returns: the computer name.
    static func checkSystem(_ system: ARMNode) throws(FakeARMFault) -> String {
        let computer = try system.requiredText("computerName")
        let nameRule: (UInt8) -> Bool = {
            ResourceName.isLetterOrDigit($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".")
        }
        guard computer.utf8.count <= 64, computer.utf8.allSatisfy(nameRule), !computer.hasSuffix("-"),
            !computer.hasSuffix(".")
        else {
            throw .invalid(
                "computerName",
                "Linux host name cannot exceed 64 characters in length or contain the following characters: "
                    + "` ~ ! @ # $ % ^ & * ( ) = + _ [ ] { } \\ | ; : ' \" , < > / ?.")
        }
        let user = try system.requiredText("adminUsername")
        guard user.utf8.count <= 64, !forbiddenUsers.contains(user.lowercased()) else {
            throw .invalid(
                "adminUsername",
                "The Username supplied is not allowed: it is reserved, or longer than 64 characters.")
        }
        if let data = try system.text("customData") {
            guard let content = Base64.decode(data.utf8), content.count <= 65535 else {
                throw .invalid(
                    "customData",
                    "Custom data in OSProfile must be in Base64 encoding and with a maximum length of 87380 characters."
                )
            }
        }
        let linux = try system.node("linuxConfiguration")
        let keys = try linux?.node("ssh")?.nodes("publicKeys") ?? []
        for key in keys {
            let path = try key.requiredText("path")
            guard path == "/home/\(user)/.ssh/authorized_keys" else {
                throw .invalid(
                    "linuxConfiguration.ssh.publicKeys.path",
                    "Destination path for Ssh public keys is currently limited to its default value "
                        + "/home/\(user)/.ssh/authorized_keys due to a known issue in Linux provisioning agent.")
            }
            let data = try key.requiredText("keyData")
            guard ["ssh-rsa ", "ssh-ed25519 "].contains(where: data.hasPrefix) else {
                throw .invalid(
                    "linuxConfiguration.ssh.publicKeys.keyData",
                    "The value of parameter linuxConfiguration.ssh.publicKeys.keyData is invalid.")
            }
        }
        let hasPassword = try system.text("adminPassword") != nil
        if try linux?.flag("disablePasswordAuthentication") == true, keys.isEmpty {
            throw .invalid(
                "linuxConfiguration.ssh.publicKeys", "Authentication using SSH requires at least one public key.")
        }
        guard hasPassword || !keys.isEmpty else {
            throw .invalid(
                "adminPassword",
                "Authentication using either SSH or by user name and password must be enabled in Linux profile.")
        }
        return computer
    }

    /// The interfaces that a network profile creates, and those to which it refers.
    static func network(
        _ profile: ARMNode
    ) throws(FakeARMFault) -> (plans: [InterfacePlan], references: [(path: String, goesWithMachine: Bool)]) {
        var references: [(path: String, goesWithMachine: Bool)] = []
        for reference in try profile.nodes("networkInterfaces") {
            let option = try reference.node("properties")?.choice("deleteOption", ["Delete", "Detach"])
            references.append((try reference.requiredText("id"), option == "Delete"))
        }
        var plans: [InterfacePlan] = []
        for configuration in try profile.nodes("networkInterfaceConfigurations") {
            plans.append(try interface(configuration))
        }
        if !plans.isEmpty {
            try profile.choice("networkApiVersion", ["2020-11-01", "2022-05-01", "2022-11-01"], isRequired: true)
        }
        guard plans.isEmpty != references.isEmpty else {
            throw .invalid(
                "networkProfile",
                "The VM must have either networkInterfaces or networkInterfaceConfigurations in its network profile.")
        }
        if plans.count > 1, plans.filter(\.isPrimary).count != 1 {
            throw .invalid(
                "networkProfile", "Virtual machine must have exactly one network interface set as the primary.")
        }
        return (plans, references)
    }

    private static func interface(_ configuration: ARMNode) throws(FakeARMFault) -> InterfacePlan {
        let name = try configuration.requiredText("name")
        try ResourceName.checkNetworkName(name, "networkInterfaceConfiguration.name")
        let properties = try configuration.requiredNode("properties")
        var addresses: [IPPlan] = []
        for address in try properties.nodes("ipConfigurations") {
            let inner = try address.requiredNode("properties")
            guard let subnet = try inner.node("subnet")?.text("id") else {
                throw .missing("ipConfiguration.subnet.id")
            }
            addresses.append(
                IPPlan(
                    name: try address.requiredText("name"), isPrimary: try inner.flag("primary") ?? addresses.isEmpty,
                    subnet: subnet, publicAddress: try publicAddress(inner)))
        }
        guard !addresses.isEmpty else { throw .missing("networkInterfaceConfiguration.ipConfigurations") }
        return InterfacePlan(
            name: name, isPrimary: try properties.flag("primary") ?? true,
            goesWithMachine: try properties.choice("deleteOption", ["Delete", "Detach"]) == "Delete",
            securityGroup: try properties.node("networkSecurityGroup")?.requiredText("id"),
            configurations: addresses, hasAcceleration: try properties.flag("enableAcceleratedNetworking") ?? false)
    }

    private static func publicAddress(_ address: ARMNode) throws(FakeARMFault) -> PublicPlan? {
        guard let plan = try address.node("publicIPAddressConfiguration") else { return nil }
        let name = try plan.requiredText("name")
        try ResourceName.checkNetworkName(name, "publicIPAddressConfiguration.name")
        let sku = try plan.node("sku")
        let properties = try plan.node("properties")
        return PublicPlan(
            name: name, goesWithInterface: try properties?.choice("deleteOption", ["Delete", "Detach"]) == "Delete",
            isStandard: try sku?.choice("name", ["Basic", "Standard"]) == "Standard",
            isStatic: try properties?.choice("publicIPAllocationMethod", ["Dynamic", "Static"]) == "Static")
    }
}
