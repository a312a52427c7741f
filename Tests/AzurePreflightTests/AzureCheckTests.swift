import AzureDoubles
import AzureProvider
import Doubles
import JSON
import LinuxIO
import Preflight
import Testing

@testable import AzurePreflight

@Suite("Check of Azure")
struct AzureCheckTests {
    @Test("finds no fault in a correct account, and only reads")
    func good() async {
        let azure = GoodAzure()
        let findings = await azure.run()
        #expect(findings.allSatisfy { $0.verdict == .ok }, "\(findings)")
        let subjects: Set = [
            "user data", "token", "subscription", "region", "group", "rights", "size", "quota", "image", "subnet",
            "outbound", "security",
        ]
        #expect(Set(findings.map(\.subject)) == subjects)
        #expect(azure.arm.calls.allSatisfy { $0.hasPrefix("GET ") })
        #expect(findings.contains { $0.text.contains("room for 3 more Standard_DC2es_v6") })
        #expect(findings.contains { $0.text.contains("200 of 251 addresses free") })
    }

    @Test("stops when there is no token")
    func noToken() async {
        let azure = GoodAzure()
        azure.arm.on(
            "POST", "/token",
            .json(401, ["error": "invalid_client", "error_codes": [7_000_215], "error_description": "no"]))
        let complaints = await azure.complaints()
        #expect(complaints.map(\.verdict) == [.failed, .unknown])
        #expect(complaints.first?.text.contains("AADSTS7000215") == true)
        #expect(azure.arm.calls.isEmpty)
    }

    /// What one thing that is wrong leads to, and to nothing else.
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var subject: String
        var verdict: Finding.Verdict
        var words: String
        var plant: @Sendable (inout GoodAzure) -> Void

        init(
            _ name: String, _ subject: String, _ verdict: Finding.Verdict, _ words: String,
            _ plant: @escaping @Sendable (inout GoodAzure) -> Void
        ) {
            testDescription = name
            self.subject = subject
            self.verdict = verdict
            self.words = words
            self.plant = plant
        }
    }

    @Test("reports what is wrong, and what to do", arguments: account + machine + image + network)
    func wrong(planted: Case) async {
        var azure = GoodAzure()
        planted.plant(&azure)
        let complaints = await azure.complaints()
        #expect(complaints.count == 1, "\(complaints)")
        #expect(complaints.first?.subject == planted.subject)
        #expect(complaints.first?.verdict == planted.verdict)
        #expect(complaints.first?.text.contains(planted.words) == true, "\(complaints)")
        #expect(complaints.first?.advice.isEmpty == (planted.subject == "settings"))
    }

    static let account: [Case] = [
        Case("disabled", "subscription", .failed, "is Disabled") {
            $0.arm.on("GET", GoodAzure.subscription, .json(200, ["displayName": "Test", "state": "Disabled"]))
        },
        Case("unpaid", "subscription", .warning, "is PastDue") {
            $0.arm.on("GET", GoodAzure.subscription, .json(200, ["state": "PastDue"]))
        },
        Case("no such region", "region", .failed, "no region called westeurope") {
            $0.arm.on("GET", "/locations", .json(200, ["value": [["name": "westus"]]]))
        },
        Case("no such group", "group", .failed, "does not exist") {
            $0.arm.on("GET", GoodAzure.group, .refusal(404, "ResourceGroupNotFound"))
        },
        Case("group on its way out", "group", .failed, "is Deleting") {
            $0.arm.on(
                "GET", GoodAzure.group,
                .json(200, ["location": "westeurope", "properties": ["provisioningState": "Deleting"]]))
        },
        Case("unreadable group", "group", .unknown, "could not be read for lack of permission") {
            $0.arm.on("GET", GoodAzure.group, .refusal(403, "AuthorizationFailed"))
        },
        Case("group without delete", "rights", .failed, "virtualMachines/delete, Microsoft.Compute/disks/delete") {
            $0.arm.on(
                "GET", "\(GoodAzure.group)/providers/Microsoft.Authorization/permissions",
                .json(200, ["value": [["actions": ["*"], "notActions": ["Microsoft.Compute/*/delete"]]]]))
        },
        Case("subnet not to be joined", "rights", .failed, "subnets/join/action") {
            $0.arm.on(
                "GET", "/subnets/pods/providers/Microsoft.Authorization/permissions",
                .json(200, ["value": [["actions": ["*/read"]]]]))
        },
        Case("too much initdata", "user data", .failed, "no room") { $0.situation.initdataSize = 48_000 },
        Case("much initdata", "user data", .warning, "too few") { $0.situation.initdataSize = 38_000 },
        Case("a setting that is missing", "settings", .failed, "AZURE_IMAGE_ID") { $0.options.imageID = "" },
    ]

    static let machine: [Case] = [
        Case("no such size", "size", .failed, "has no Standard_DC2es_v7") {
            $0.options.instanceSize = "Standard_DC2es_v7"
        },
        Case("an alternative that is not there", "size", .warning, "has no Standard_X") {
            $0.options.instanceSizes = ["Standard_X", "standard_dc2es_v6"]
        },
        Case("a closed size", "size", .failed, "NotAvailableForSubscription") {
            let closed: JSONValue = [
                "type": "Location", "values": ["westeurope"], "reasonCode": "NotAvailableForSubscription",
            ]
            $0.arm.on("GET", "/skus", .json(200, ["value": [GoodAzure.sku(["restrictions": [closed]])]]))
        },
        Case("no zone of ours", "size", .failed, "not in zone 3") { $0.options.zones = ["3"] },
        Case("one zone less", "size", .warning, "not in zone 3") { $0.options.zones = ["3", "1"] },
        Case("no quota", "quota", .failed, "room for 0 more") { $0.usages(family: 9) },
        Case("no quota for so many", "quota", .failed, "not for 4") { $0.situation.pods = 4 },
        Case("no usages", "quota", .unknown, "could not be read for lack of permission") {
            $0.arm.on("GET", "/locations/westeurope/usages", .refusal(403, "AuthorizationFailed"))
        },
    ]

    static let image: [Case] = [
        Case("no such image", "image", .failed, "does not exist") {
            $0.arm.on("GET", "/images/podvm", .refusal(404, "ResourceNotFound"))
        },
        Case("elsewhere", "image", .failed, "only in eastus, northeurope") {
            $0.arm.on("GET", "/versions/1.0.0", .json(200, GoodAzure.version(in: "East US", "northeurope")))
        },
        Case("not yet there", "image", .failed, "its replication is Replicating") {
            let there: JSONValue = ["summary": [["region": "West Europe", "state": "Replicating"]]]
            $0.arm.on(
                "GET", "/versions/1.0.0",
                .json(
                    200,
                    [
                        "name": "1.0.0",
                        "properties": [
                            "publishingProfile": ["targetRegions": [["name": "westeurope"]]],
                            "replicationStatus": there,
                        ],
                    ]))
        },
        Case("not for confidential VMs", "image", .failed, "SecurityType=TrustedLaunch") {
            let feature: JSONValue = ["name": "SecurityType", "value": "TrustedLaunch"]
            $0.arm.on("GET", "/images/podvm", .json(200, GoodAzure.definition(["features": [feature]])))
        },
        Case("of generation 1", "image", .failed, "generation V1") {
            $0.arm.on(
                "GET", "/images/podvm", .json(200, GoodAzure.definition(["hyperVGeneration": "V1"])))
        },
        Case("a latest one that is elsewhere", "image", .failed, "only in eastus") {
            $0.options.imageID = GoodAzure.image
            $0.arm.on("GET", "/podvm/versions", .json(200, ["value": [GoodAzure.version(in: "eastus")]]))
        },
        Case("a community's that is not here", "image", .failed, "is not in westeurope") {
            $0.options.imageID = "/CommunityGalleries/c/Images/podvm/Versions/2.0.0"
        },
        Case("a managed one elsewhere", "image", .failed, "is in eastus") {
            $0.options.imageID = "\(GoodAzure.group)/providers/Microsoft.Compute/images/old"
            $0.arm.on("GET", "/images/old", .json(200, ["location": "eastus"]))
        },
    ]

    static let network: [Case] = [
        Case("no such subnet", "subnet", .failed, "does not exist") {
            $0.arm.on("GET", "/subnets/pods", .refusal(404, "NotFound"))
        },
        Case("a full one", "subnet", .failed, "0 of 251") {
            let usage: JSONValue = ["id": .string($0.options.subnetID), "currentValue": 251, "limit": 251]
            $0.arm.on("GET", "/virtualNetworks/net/usages", .json(200, ["value": [usage]]))
        },
        Case("a full one that Azure does not count", "subnet", .failed, "0 of 3") {
            let used: JSONValue = [["id": "/a"], ["id": "/b"], ["id": "/c"]]
            $0.arm.on("GET", "/virtualNetworks/net/usages", .refusal(403, "AuthorizationFailed"))
            $0.arm.on(
                "GET", "/subnets/pods",
                .json(
                    200,
                    GoodAzure.subnet([
                        "addressPrefix": "10.1.2.0/29", "ipConfigurations": used, "natGateway": ["id": "/n"],
                    ])))
        },
        Case("one that is another service's", "subnet", .failed, "delegated to Microsoft.Sql") {
            $0.arm.on(
                "GET", "/subnets/pods",
                .json(
                    200,
                    GoodAzure.subnet([
                        "natGateway": ["id": "/n"], "delegations": [["properties": ["serviceName": "Microsoft.Sql"]]],
                    ])))
        },
        Case("another region's", "subnet", .failed, "is in East US") {
            $0.arm.on("GET", "/virtualNetworks/net", .json(200, ["location": "East US", "properties": [:]]))
        },
        Case("no way out", "outbound", .warning, "private subnet") {
            $0.arm.on("GET", "/subnets/pods", .json(200, GoodAzure.subnet(["defaultOutboundAccess": false])))
        },
        Case("only Azure's way out", "outbound", .warning, "default outbound access") {
            $0.arm.on("GET", "/subnets/pods", .json(200, GoodAzure.subnet([:])))
        },
        Case("a route to nowhere", "outbound", .failed, "drops") {
            let table = "\(GoodAzure.group)/providers/Microsoft.Network/routeTables/table"
            $0.arm.on("GET", "/subnets/pods", .json(200, GoodAzure.subnet(["routeTable": ["id": .string(table)]])))
            let route: JSONValue = ["properties": ["addressPrefix": "0.0.0.0/0", "nextHopType": "None"]]
            $0.arm.on("GET", "/routeTables/table", .json(200, ["properties": ["routes": [route]]]))
        },
        Case("a group that drops the agent's port", "security", .failed, "tcp/15150 from the node, by no-agents") {
            let rule = SecurityRulesTests.rule("no-agents", 100, "Deny", kind: "Tcp", port: "15000-15999")
            $0.arm.on("GET", "/nsg", .json(200, SecurityRulesTests.group([rule])))
        },
        Case("a group that is not there", "security", .failed, "does not exist") {
            $0.arm.on("GET", "/nsg", .refusal(404, "X"))
        },
        Case("a node far away", "node", .warning, "8.8.8.8") {
            $0.situation.nodeAddress = "8.8.8.8"
            let rule = SecurityRulesTests.rule("all", 100, "Allow")
            let back = SecurityRulesTests.rule("back", 100, "Allow", way: "Outbound")
            $0.arm.on("GET", "/nsg", .json(200, SecurityRulesTests.group([rule, back])))
        },
    ]

    @Test("a community's image that the region has is no fault, also as its latest version")
    func community() async {
        for version in ["latest", "1.0.0"] {
            var azure = GoodAzure()
            azure.options.imageID = "/CommunityGalleries/c/Images/podvm/Versions/\(version)"
            azure.arm.on("GET", "/podvm/versions", .json(200, ["value": [["name": "1.0.0"]]]))
            #expect(await azure.complaints() == [])
            #expect(azure.arm.calls.contains { $0.contains("/locations/westeurope/communityGalleries/c/images/podvm") })
        }
    }

    @Test("a public address needs a security group that allows inbound traffic")
    func publicAddress() async {
        var azure = GoodAzure()
        azure.options.usesPublicIP = true
        azure.arm.on(
            "GET", "/Microsoft.Network/locations/westeurope/usages",
            .json(200, ["value": [["name": ["value": "PublicIPAddresses"], "currentValue": 0, "limit": 10]]]))
        let complaints = await azure.complaints()
        #expect(complaints.count == 2, "the agent's port and VXLAN: \(complaints)")
        #expect(complaints.allSatisfy { $0.subject == "security" && $0.verdict == .failed })
        azure.options.securityGroupID = ""
        #expect(await azure.complaints().map(\.subject) == ["security"])
    }

    @Test(
        "reports an answer that it cannot parse, and continues with the other checks",
        arguments: [
            ScriptedARM.Reply.bytes(200, "text/html", "<html>sign in</html>"),
            .bytes(200, "application/json", "{\"value\":["),
            .json(200, ["value": "none", "state": 7, "location": [], "properties": "none"]), .json(200, []),
            .empty(200),
            .json(200, ["value": [1, 2]]), .refusal(500, "InternalServerError", "\u{1b}[31mred"), .broken, .unreachable,
        ])
    func hostile(reply: ScriptedARM.Reply) async {
        for path in [
            GoodAzure.subscription, "/locations", GoodAzure.group, "/permissions", "/skus",
            "/locations/westeurope/usages",
            "/images/podvm", "/versions/1.0.0", "/subnets/pods", "/virtualNetworks/net", "/nsg",
        ] {
            let azure = GoodAzure()
            azure.arm.on("GET", path, reply)
            let complaints = await whileTimePasses(azure)
            #expect(!complaints.isEmpty, "\(path)")
            #expect(
                complaints.allSatisfy { $0.verdict != .ok && !$0.text.contains("\u{1b}") }, "\(path): \(complaints)")
        }
    }

    @Test("has a time limit for every check")
    func hanging() async {
        let azure = GoodAzure()
        azure.arm.on("GET", "/images/podvm", .hang)
        // Before the request for the image, time would pass for the other checks.
        let found = await whileTimePasses(azure) { azure.arm.calls.contains { $0.contains("/images/podvm") } }
        #expect(
            found.contains { $0.subject == "image" && $0.verdict == .unknown && $0.text.contains("within 30 seconds") })
    }

    /// What an Azure complains of while its clock runs as fast as it can, from the time when `hasBegun` is true.
    private func whileTimePasses(
        _ azure: GoodAzure, from hasBegun: @escaping @Sendable () -> Bool = { true }
    ) async -> [Finding] {
        let time = Task {
            while !Task.isCancelled {
                guard hasBegun() else {
                    await Task.yield()
                    continue
                }
                azure.clock.advance(by: .milliseconds(500))
                await Task.yield()
            }
        }
        defer { time.cancel() }
        return await azure.complaints()
    }
}
