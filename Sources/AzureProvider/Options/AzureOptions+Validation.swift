internal import Configuration
internal import PodVMLifecycle
internal import Telemetry

extension AzureOptions {
    /// The faults with which no VM can be created: one sentence for each, with flag and variable.
    ///
    /// It checks only the settings themselves. The preflight checks whether Azure accepts them.
    public var problems: [String] {
        missing + malformed + combinations + sshProblems + tagProblems
    }

    /// Settings that are allowed, but probably not intended.
    public var warnings: [String] {
        var warnings: [String] = []
        for (flag, id) in [("subscriptionid", subscriptionID), ("tenantid", tenantID), ("clientid", clientID)]
        where !id.isEmpty && !Self.isGUID(id) {
            warnings.append("\(Self.name(flag)): \"\(id)\" is not an id such as 01234567-89ab-cdef-0123-456789abcdef")
        }
        for (flag, url) in [("azure-authority-host", authorityHost), ("azure-management-endpoint", managementEndpoint)]
        where EndpointURL(url).map({ !$0.isSecure && !$0.isLoopback }) == true {
            warnings.append(
                "\(Self.name(flag)): credentials are sent to \(url) without encryption; use https, except for a fake Azure"
            )
        }
        if !isConfidential {
            warnings.append(
                "\(Self.name("disable-cvm")): the cloud can read the memory of pod VMs; do not use it for confidential workloads"
            )
            if diskEncryption != .vmGuestStateOnly {
                warnings.append("\(Self.name("os-disk-encryption")) has no effect with -disable-cvm")
            }
        }
        if !isConfidential, hasSecureBoot {
            warnings.append("\(Self.name("enable-secure-boot")) has no effect with -disable-cvm")
        }
        if let accepted = acceptedTEEs, isConfidential, !choosesSizes,
            !([instanceSize] + instanceSizes).contains(where: { accepted.contains(VMSize(name: $0.trimmed).tee) })
        {
            warnings.append(
                "\(Self.name("accepted-tees")) is \(accepted.text), and by their names no configured size has that technology"
            )
        }
        return warnings
    }

    /// Whether ``instanceSizes`` is `auto`.
    package var choosesSizes: Bool { instanceSizes.count == 1 && instanceSizes[0].trimmed.lowercased() == "auto" }

    /// The names of the settings for account and credential that have a value: `-region (AZURE_REGION)`.
    public var accountSettings: [String] {
        [
            ("subscriptionid", subscriptionID), ("tenantid", tenantID), ("clientid", clientID),
            ("secret", clientSecret.reveal()), ("azure-federated-token-file", federatedTokenFile),
            ("resourcegroup", resourceGroup), ("subnetid", subnetID), ("imageid", imageID),
        ].filter { !$0.1.isEmpty }.map { Self.name($0.0) }
    }

    private var missing: [String] {
        var required = [
            ("subscriptionid", subscriptionID, "the subscription's id"), ("region", region, "such as westeurope"),
            ("resourcegroup", resourceGroup, "the name of the group that pod VMs go to"),
            ("subnetid", subnetID, "the ARM id of the subnet that pod VMs join"),
            ("imageid", imageID, "the id of the pod VMs' image"), ("instance-size", instanceSize, "a VM size"),
        ]
        // A secret or a token file in the settings means that the operator does not want the node's identity.
        let hasSecret = credential == .clientSecret || credential == .automatic && !clientSecret.reveal().isEmpty
        let hasFile = credential == .workloadIdentity || credential == .automatic && !federatedTokenFile.isEmpty
        if hasSecret || hasFile {
            let what = hasSecret ? "for a client secret" : "for workload identity"
            required += [("tenantid", tenantID, what), ("clientid", clientID, what)]
            required.append(
                hasSecret
                    ? ("secret", clientSecret.reveal(), what) : ("azure-federated-token-file", federatedTokenFile, what)
            )
        }
        return required.filter { $0.1.isEmpty }.map { flag, _, what in "\(Self.name(flag)) is not set: \(what)" }
    }

    private var malformed: [String] {
        var problems: [String] = []
        func refuse(_ flag: String, _ text: String, unless isGood: Bool, _ expected: String) {
            if !text.isEmpty, !isGood { problems.append("\(Self.name(flag)): \"\(text)\" is not \(expected)") }
        }
        refuse(
            "subscriptionid", subscriptionID, unless: ResourceID.isName(subscriptionID),
            "a subscription's id, which has letters, digits and dashes")
        refuse(
            "resourcegroup", resourceGroup,
            unless: ResourceID.isName(resourceGroup) && resourceGroup.utf8.count <= 90 && !resourceGroup.hasSuffix("."),
            "a resource group's name: at most 90 letters, digits and -_.(), no dot at the end")
        refuse(
            "region", region, unless: region.utf8.allSatisfy(Self.isAlphanumeric), "a region's name, such as westeurope"
        )
        refuse(
            "subnetid", subnetID,
            unless: ResourceID(subnetID)?.isOf("Microsoft.Network/virtualNetworks/subnets") == true,
            "/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/virtualNetworks/V/subnets/N")
        refuse(
            "securitygroupid", securityGroupID,
            unless: ResourceID(securityGroupID)?.isOf("Microsoft.Network/networkSecurityGroups") == true,
            "/subscriptions/S/resourceGroups/G/providers/Microsoft.Network/networkSecurityGroups/N")
        refuse(
            "imageid", imageID, unless: ImageID(imageID) != nil,
            """
            /subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/galleries/G/images/I/versions/V (or without \
            the version, or .../images/I), nor /CommunityGalleries/G/Images/I/Versions/V nor \
            /SharedGalleries/G/Images/I/Versions/V
            """)
        for image in images {
            refuse(
                "images", image, unless: ImageChoice.Entry(image.trimmed) != nil,
                "the id of an image as -imageid takes it, nor one that ends with /versions/* for all versions")
        }
        for identity in identities {
            refuse(
                "user-assigned-identities", identity,
                unless: ResourceID(identity)?.isOf("Microsoft.ManagedIdentity/userAssignedIdentities") == true,
                "/subscriptions/S/resourceGroups/G/providers/Microsoft.ManagedIdentity/userAssignedIdentities/N")
        }
        for (flag, size) in [("instance-size", instanceSize)] + instanceSizes.map({ ("instance-sizes", $0) }) {
            refuse(flag, size, unless: ResourceID.isName(size), "a VM size, such as Standard_DC2es_v6")
        }
        for zone in zones { refuse("zone", zone, unless: ["1", "2", "3"].contains(zone), "a zone: 1, 2 or 3") }
        return problems
    }

    private var combinations: [String] {
        var problems = diskProblems
        if instanceSizes.count > 1, instanceSizes.contains(where: { $0.trimmed.lowercased() == "auto" }) {
            problems.append("\(Self.name("instance-sizes")) has auto beside sizes: give auto alone, or sizes")
        }
        if !isConfidential, let accepted = acceptedTEEs {
            problems.append(
                """
                \(Self.name("accepted-tees")) is \(accepted.text), but with \(Self.name("disable-cvm")) no VM has such a \
                technology: unset one of them
                """)
        }
        return problems
    }

    private var diskProblems: [String] {
        guard isConfidential, diskEncryption == .diskWithVMGuestState, !hasSecureBoot else { return [] }
        return [
            """
            \(Self.name("os-disk-encryption")) is DiskWithVMGuestState, which Azure accepts only with secure boot: give \
            \(Self.name("enable-secure-boot")) too
            """
        ]
    }

    /// The number of tags reserved for the adaptor, with some reserve.
    private static let ownTags = 10

    private var tagProblems: [String] {
        var problems = ResourceTags.faults(in: tags)
        let room = ResourceTags.countLimit - Self.ownTags
        if (room + 1...ResourceTags.countLimit).contains(tags.count) {
            problems.append(
                "there are \(tags.count) tags; a resource has at most \(ResourceTags.countLimit), and \(Self.ownTags) are "
                    + "kept for the adaptor's own.")
        }
        return problems.map { "\(Self.name("tags")): \($0)" }
    }

    private var sshProblems: [String] {
        let name = sshUsername
        let first = name.utf8.first.map { Self.isAlphanumeric($0) || $0 == UInt8(ascii: "_") } ?? false
        guard first, name.utf8.count <= 64, ResourceID.isName(name) else {
            return [
                """
                \(Self.name("ssh-username")): "\(name)" is not a user's name: 1 to 64 letters, digits, dashes, dots \
                and underscores
                """
            ]
        }
        guard !Self.reservedUsers.contains(name.lowercased()) else {
            return [
                "\(Self.name("ssh-username")): Azure allows no administrator called \"\(name)\"; the default is peerpod"
            ]
        }
        return []
    }

    /// The values that Azure refuses as `adminUsername` (the compute swagger's list).
    private static let reservedUsers: Set<String> = [
        "administrator", "admin", "user", "user1", "test", "user2", "test1", "user3", "admin1", "1", "123", "a",
        "actuser", "adm", "admin2", "aspnet", "backup", "console", "david", "guest", "john", "owner", "root", "server",
        "sql", "support", "support_388945a0", "sys", "test2", "test3", "user4", "user5",
    ]

    /// A setting's name in messages: `-region (AZURE_REGION)`.
    package static func name(_ flag: String) -> String {
        guard let setting = settings.first(where: { $0.name == flag }) else {
            preconditionFailure("there is no flag -\(flag)")
        }
        return "-\(flag)" + (setting.environment.map { " (\($0))" } ?? "")
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
    }

    /// Whether `text` is 32 hexadecimal digits as 8-4-4-4-12.
    private static func isGUID(_ text: String) -> Bool {
        let groups = text.split(separator: "-", omittingEmptySubsequences: false)
        return groups.map(\.utf8.count) == [8, 4, 4, 4, 12]
            && groups.joined().utf8.allSatisfy { isAlphanumeric($0) && ($0 | 0x20) <= UInt8(ascii: "f") }
    }
}
