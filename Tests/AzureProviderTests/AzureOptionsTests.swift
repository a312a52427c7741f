import AzureProvider
import Configuration
import Telemetry
import Testing

@Suite("Azure options")
struct AzureOptionsTests {
    @Test("request a confidential VM unless a flag says otherwise")
    func confidential() throws {
        #expect(AzureOptions().isConfidential)
        #expect(AzureOptions().diskEncryption == .vmGuestStateOnly)
        #expect(AzureOptions().hasBootDiagnostics)
        #expect(try !Self.parse([], ["AZURE_BOOT_DIAGNOSTICS": "false"]).hasBootDiagnostics)
        #expect(try !Self.parse(["-disable-cvm"]).isConfidential)
        #expect(try !Self.parse([], ["DISABLECVM": "true"]).isConfidential)
        #expect(try Self.parse([], ["DISABLECVM": "false"]).isConfidential)
        for text in ["t", "T", " true", "yes", "on", "y"] {
            #expect(throws: ConfigurationError.self) { try Self.parse([], ["DISABLECVM": text]) }
        }
    }

    @Test("have the Go adaptor's flags, variables and defaults")
    func compatible() {
        let known: [String: String?] = [
            "clientid": "AZURE_CLIENT_ID", "secret": "AZURE_CLIENT_SECRET", "tenantid": "AZURE_TENANT_ID",
            "subscriptionid": "AZURE_SUBSCRIPTION_ID", "region": "AZURE_REGION",
            "resourcegroup": "AZURE_RESOURCE_GROUP", "instance-size": "AZURE_INSTANCE_SIZE",
            "instance-sizes": "AZURE_INSTANCE_SIZES", "zone": nil, "subnetid": "AZURE_SUBNET_ID",
            "securitygroupid": "AZURE_NSG_ID", "imageid": "AZURE_IMAGE_ID", "ssh-key-path": nil,
            "ssh-username": "SSH_USERNAME", "disable-cvm": "DISABLECVM", "enable-secure-boot": "ENABLE_SECURE_BOOT",
            "use-public-ip": "USE_PUBLIC_IP", "root-volume-size": "ROOT_VOLUME_SIZE", "tags": "TAGS",
        ]
        for (flag, variable) in known {
            let setting = AzureOptions.settings.first { $0.name == flag }
            #expect(setting != nil, "-\(flag)")
            #expect(setting?.environment == variable, "-\(flag)")
        }
        let defaults = Dictionary(
            uniqueKeysWithValues: Self.command.values(of: AzureOptions()).map { ($0.name, $0.value) })
        #expect(defaults["instance-size"] == "Standard_DC2as_v5")
        #expect(defaults["ssh-username"] == "peerpod")
        #expect(defaults["disable-cvm"] == "false")
    }

    @Test("are read from lists with blanks, the portal's region names, and endpoints with a slash at the end")
    func tolerant() throws {
        let options = try Self.parse(
            ["-zone", "2, 1 ,", "-tags", "team = x,tier=y", "-azure-authority-host", "https://login.example/"],
            [
                "AZURE_INSTANCE_SIZES": " Standard_DC2es_v6 , Standard_DC4es_v6", "AZURE_REGION": "West Europe",
                "TAGS": "owner=me", "AZURE_ENVIRONMENT": "AzureUSGovernmentCloud",
            ])
        #expect(options.zones == ["2", "1"])
        #expect(options.instanceSizes == ["Standard_DC2es_v6", "Standard_DC4es_v6"])
        #expect(options.region == "westeurope")
        #expect(options.tags == ["owner": "me", "team": "x", "tier": "y"])
        #expect(options.authorityHost == "https://login.example")
        #expect(options.cloud == .usGovernment)
    }

    @Test(
        "are refused when an endpoint is not valid",
        arguments: [
            "ftp://host", "https://", "https://host/path", "https://me@host", "https://ho st", "host", "https://host:0",
            "https://host:70000", "https://a:b:c", "https://[::1", "https://host?x",
        ])
    func noEndpoint(text: String) {
        #expect(throws: ConfigurationError.self) { try Self.parse(["-azure-management-endpoint", text]) }
    }

    @Test("report nothing for a complete configuration")
    func whole() {
        #expect(Self.whole.problems.isEmpty)
        #expect(Self.whole.warnings.isEmpty)
        var community = Self.whole
        community.imageID = "/CommunityGalleries/cocopodvm-d0e4f35f/Images/podvm_image0/Versions/latest"
        #expect(community.problems.isEmpty)
        community.imageID = "/SharedGalleries/g/images/i/versions/1.0.0"
        #expect(community.problems.isEmpty)
    }

    @Test("name the flag and the variable of each missing setting")
    func missing() {
        let problems = AzureOptions().problems
        for name in [
            "-subscriptionid (AZURE_SUBSCRIPTION_ID)", "-region (AZURE_REGION)",
            "-resourcegroup (AZURE_RESOURCE_GROUP)",
            "-subnetid (AZURE_SUBNET_ID)", "-imageid (AZURE_IMAGE_ID)",
        ] { #expect(problems.contains { $0.hasPrefix("\(name) is not set") }, "\(name): \(problems)") }
        #expect(problems.count == 5)
    }

    @Test("name the missing settings of a credential that was chosen by name")
    func credential() {
        var options = Self.whole
        options.credential = .workloadIdentity
        options.tenantID = ""
        #expect(
            options.problems == [
                "-tenantid (AZURE_TENANT_ID) is not set: for workload identity",
                "-azure-federated-token-file (AZURE_FEDERATED_TOKEN_FILE) is not set: for workload identity",
            ])
        options = Self.whole
        options.tenantID = ""
        #expect(options.problems == ["-tenantid (AZURE_TENANT_ID) is not set: for a client secret"])
        options.credential = .managedIdentity
        #expect(options.problems.isEmpty)
    }

    @Test("are refused when their values contradict each other or are not possible")
    func malformed() {
        let group = "/subscriptions/s/resourceGroups/g"
        let cases: [(WritableKeyPath<AzureOptions, String>, String, String)] = [
            (\.subnetID, "-subnetid", group), (\.subnetID, "-subnetid", Self.whole.securityGroupID),
            (\.subnetID, "-subnetid", Self.whole.subnetID + "/"), (\.subnetID, "-subnetid", Self.whole.subnetID + "?x"),
            (\.securityGroupID, "-securitygroupid", "nsg"), (\.imageID, "-imageid", "/CommunityGalleries/g/Images/i"),
            (\.imageID, "-imageid", "Canonical:ubuntu:24:latest"),
            (\.imageID, "-imageid", group + "/providers/Microsoft.Compute/images/../x"),
            (\.subscriptionID, "-subscriptionid", "a/b"), (\.resourceGroup, "-resourcegroup", "group."),
            (\.resourceGroup, "-resourcegroup", "gr\u{fc}n"), (\.region, "-region", "west/europe"),
            (\.instanceSize, "-instance-size", "Standard DC2"), (\.sshUsername, "-ssh-username", "root"),
            (\.sshUsername, "-ssh-username", "-x"), (\.sshUsername, "-ssh-username", ""),
        ]
        for (field, flag, text) in cases {
            var options = Self.whole
            options[keyPath: field] = text
            let problems = options.problems
            #expect(problems.first { $0.hasPrefix(flag) } != nil, "\(text): \(problems)")
        }
    }

    @Test("require secure boot for an encrypted disk, and zones that exist")
    func combinations() {
        var options = Self.whole
        options.diskEncryption = .diskWithVMGuestState
        #expect(options.problems.count == 1)
        options.hasSecureBoot = true
        #expect(options.problems.isEmpty)
        options.zones = ["1", "westeurope-1"]
        #expect(options.problems == ["-zone: \"westeurope-1\" is not a zone: 1, 2 or 3"])
    }

    @Test("refuse tags that exceed ARM's limits")
    func tags() {
        func problems(_ tags: [String: String]) -> [String] {
            var options = Self.whole
            options.tags = tags
            return options.problems
        }
        #expect(problems(["a": String(repeating: "x", count: 256), String(repeating: "n", count: 512): ""]).isEmpty)
        #expect(problems(["a": String(repeating: "x", count: 257)]).count == 1)
        #expect(problems([String(repeating: "n", count: 513): ""]).count == 1)
        #expect(problems(["a/b": ""]).first?.hasPrefix("-tags (TAGS): ") == true)
        #expect(problems(["Owner": "", "owner": ""]).count == 1)
        func many(_ count: Int) -> [String: String] {
            Dictionary(uniqueKeysWithValues: (0..<count).map { ("t\($0)", "") })
        }
        #expect(problems(many(40)).isEmpty)
        #expect(problems(many(41)).count == 1)
        #expect(problems(many(51)).count == 1)
    }

    @Test("give only warnings for unusual ids, for endpoints without TLS and for VMs that are not confidential")
    func warnings() {
        var options = Self.whole
        options.subscriptionID = "my-subscription"
        options.authorityHost = "http://127.0.0.1:1"
        options.managementEndpoint = "http://127.azure.example"
        options.isConfidential = false
        #expect(options.problems.isEmpty)
        #expect(options.warnings.count == 3, "\(options.warnings)")
    }

    static let command = Command(
        "azure", summary: "test", defaults: AzureOptions(), sections: [.init("Flags", AzureOptions.settings)])

    static func parse(_ arguments: [String], _ environment: [String: String] = [:]) throws -> AzureOptions {
        guard case .run(let options, _) = try command.parse(arguments, environment: environment) else {
            throw ConfigurationError("asked for help")
        }
        return options
    }

    static let whole: AzureOptions = {
        var options = AzureOptions()
        let group = "/subscriptions/00000000-1111-2222-3333-444444444444/resourceGroups/pods_(1)/providers"
        options.subscriptionID = "00000000-1111-2222-3333-444444444444"
        options.tenantID = "55555555-6666-7777-8888-999999999999"
        options.clientID = "AAAAAAAA-bbbb-cccc-dddd-eeeeeeeeeeee"
        options.clientSecret = Secret("hush")
        options.region = "westeurope"
        options.resourceGroup = "pods_(1)"
        options.subnetID = "\(group)/Microsoft.Network/virtualNetworks/net/subnets/pods"
        options.securityGroupID = "\(group)/microsoft.network/NetworkSecurityGroups/nsg"
        options.imageID = "\(group)/Microsoft.Compute/galleries/g.1/images/podvm/versions/1.0.0"
        return options
    }()
}
