extension AzureOptions {
    /// Everything that is wrong with them as far as they alone can tell, a sentence each with the flag to change.
    ///
    /// Whether there are credentials, the credentials say; whether things exist, only Azure knows.
    package var faults: [String] {
        var faults: [String] = []
        func require(_ value: String, _ what: String, _ flag: String, _ variable: String) {
            if value.trimmed.isEmpty { faults.append("\(what) is missing: set -\(flag) or \(variable).") }
        }
        require(subscriptionID, "The subscription", "subscriptionid", "AZURE_SUBSCRIPTION_ID")
        require(resourceGroup, "The resource group", "resourcegroup", "AZURE_RESOURCE_GROUP")
        require(region, "The region", "region", "AZURE_REGION")
        require(subnetID, "The subnet", "subnetid", "AZURE_SUBNET_ID")
        require(imageID, "The image", "imageid", "AZURE_IMAGE_ID")
        require(instanceSize, "The VM size", "instance-size", "AZURE_INSTANCE_SIZE")
        faults += referenceFaults + guestFaults
        if diskEncryption == .diskWithVMGuestState, isConfidential, !hasSecureBoot {
            faults.append(
                "-os-disk-encryption DiskWithVMGuestState needs secure boot: set -enable-secure-boot, or choose "
                    + "VMGuestStateOnly.")
        }
        if !isConfidential, hasSecureBoot {
            faults.append(
                "-enable-secure-boot has no effect with -disable-cvm, as the VM then has no security profile: drop one."
            )
        }
        faults += ResourceTags.faults(in: tags).map { "-tags: \($0)" }
        return faults
    }

    private var referenceFaults: [String] {
        var faults: [String] = []
        func check(_ id: String, is type: String, _ flag: String, _ form: String) {
            if id.isEmpty || ResourceID(id)?.type(is: type) == true { return }
            faults.append("-\(flag) is \"\(id)\", which is no ARM id of such a thing: it is \(form).")
        }
        let group = "/subscriptions/<id>/resourceGroups/<name>/providers"
        check(
            subnetID, is: "Microsoft.Network/virtualNetworks/subnets", "subnetid",
            "\(group)/Microsoft.Network/virtualNetworks/<name>/subnets/<name>")
        check(
            securityGroupID, is: "Microsoft.Network/networkSecurityGroups", "securitygroupid",
            "\(group)/Microsoft.Network/networkSecurityGroups/<name>")
        for identity in identities {
            check(
                identity, is: "Microsoft.ManagedIdentity/userAssignedIdentities", "user-assigned-identities",
                "\(group)/Microsoft.ManagedIdentity/userAssignedIdentities/<name>")
        }
        if !imageID.trimmed.isEmpty, let fault = ImageReference(imageID).fault { faults.append("-imageid: \(fault)") }
        return faults
    }

    private var guestFaults: [String] {
        var faults: [String] = []
        if rootVolumeSize < 0 || rootVolumeSize > 4095 {
            faults.append("-root-volume-size is \(rootVolumeSize); an OS disk has 1 to 4095 GB, and 0 is the image's.")
        }
        if sshUsername.isEmpty || sshUsername.utf8.count > 64 || Self.refusedUsers.contains(sshUsername.lowercased()) {
            faults.append(
                "-ssh-username is \"\(sshUsername)\"; Azure takes 1 to 64 characters and none of the names that systems "
                    + "use themselves, such as root and admin.")
        }
        for zone in zones where zone.utf8.isEmpty || !zone.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
            faults.append("-zone has \"\(zone)\"; zones are numbers, as in 1,2,3.")
        }
        return faults
    }

    /// What Azure refuses as an administrator's name.
    private static let refusedUsers: Set<String> = [
        "administrator", "admin", "user", "user1", "test", "user2", "test1", "user3", "admin1", "1", "123", "a",
        "actuser", "adm", "admin2", "aspnet", "backup", "console", "david", "guest", "john", "owner", "root", "server",
        "sql", "support", "support_388945a0", "sys", "test2", "test3", "user4", "user5",
    ]
}
