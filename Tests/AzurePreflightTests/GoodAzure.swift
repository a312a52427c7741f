import AzureDoubles
import AzureProvider
import Doubles
import JSON
import LinuxIO
import Preflight

@testable import AzurePreflight

/// An Azure in which nothing is wrong, for a test to put something wrong into.
struct GoodAzure {
    let arm = ScriptedARM()
    let clock = ManualClock()
    var options = ScriptedARM.options
    var situation = AzureCheck.Situation()

    static let subscription = "/subscriptions/00000000-1111-2222-3333-444444444444"
    static let group = "\(subscription)/resourceGroups/rg"
    static let network = "\(group)/providers/Microsoft.Network/virtualNetworks/net"
    static let image = "\(group)/providers/Microsoft.Compute/galleries/g/images/podvm"

    init() {
        options.subscriptionID = String(Self.subscription.dropFirst("/subscriptions/".count))
        options.tenantID = "55555555-6666-7777-8888-999999999999"
        options.clientID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
        options.subnetID = "\(Self.network)/subnets/pods"
        options.securityGroupID = "\(Self.group)/providers/Microsoft.Network/networkSecurityGroups/nsg"
        options.imageID = "\(Self.image)/versions/1.0.0"
        options.instanceSize = "Standard_DC2es_v6"
        arm.on("GET", Self.subscription, .json(200, ["displayName": "Test", "state": "Enabled"]))
        arm.on("GET", "/locations", .json(200, ["value": [["name": "westeurope"], ["name": "westus"]]]))
        arm.on(
            "GET", Self.group, .json(200, ["location": "westeurope", "properties": ["provisioningState": "Succeeded"]]))
        arm.on("GET", "/permissions", .json(200, ["value": [["actions": ["*"], "notActions": []]]]))
        arm.on("GET", "/skus", .json(200, ["value": [Self.sku()]]))
        usages(family: 4)
        arm.on(
            "GET", "/images/podvm",
            .json(200, Self.definition(["features": [["name": "SecurityType", "value": "ConfidentialVmSupported"]]])))
        arm.on("GET", "/versions/1.0.0", .json(200, Self.version(in: "East US", "West Europe")))
        arm.on("GET", "/subnets/pods", .json(200, Self.subnet(["natGateway": ["id": "/nat"]])))
        arm.on(
            "GET", "/virtualNetworks/net",
            .json(
                200, ["location": "westeurope", "properties": ["addressSpace": ["addressPrefixes": ["10.1.0.0/16"]]]]))
        arm.on(
            "GET", "/virtualNetworks/net/usages",
            .json(200, ["value": [["id": .string(options.subnetID), "currentValue": 51, "limit": 251]]]))
        arm.on("GET", "/nsg", .json(200, SecurityRulesTests.group([])))
        arm.on(
            "GET", "/metadata/instance/network",
            .json(200, ["interface": [["ipv4": ["ipAddress": [["privateIpAddress": "10.1.1.4"]]]]]]))
    }

    func usages(family used: Int64) {
        arm.on(
            "GET", "/usages",
            .json(
                200,
                [
                    "value": [
                        [
                            "name": ["value": "cores", "localizedValue": "Total Regional vCPUs"], "currentValue": 10,
                            "limit": 100,
                        ],
                        ["name": ["value": "virtualMachines"], "currentValue": 5, "limit": 25000],
                        [
                            "name": ["value": "standardDCEV6Family", "localizedValue": "Standard DCEv6 Family vCPUs"],
                            "currentValue": .integer(used), "limit": 10,
                        ],
                    ]
                ]))
        // A path's end is all that a script goes by, and a network has usages too.
        arm.on(
            "GET", "/virtualNetworks/net/usages",
            .json(200, ["value": [["id": .string(options.subnetID), "currentValue": 51, "limit": 251]]]))
    }

    /// `base` with other or further members.
    static func changed(_ base: JSONValue, _ changes: JSONValue) -> JSONValue {
        var object = base.objectValue ?? JSONObject()
        for (key, value) in (changes.objectValue ?? JSONObject()).entries { object[key] = value }
        return .object(object)
    }

    static func sku(_ changes: JSONValue = [:]) -> JSONValue {
        changed(
            [
                "resourceType": "virtualMachines", "name": "Standard_DC2es_v6", "family": "standardDCEV6Family",
                "locations": ["westeurope"], "locationInfo": [["location": "westeurope", "zones": ["1", "2"]]],
                "capabilities": [
                    ["name": "vCPUs", "value": "2"], ["name": "MemoryGB", "value": "8"],
                    ["name": "ConfidentialComputingType", "value": "TDX"],
                ], "restrictions": [],
            ], changes)
    }

    static func definition(_ changes: JSONValue) -> JSONValue {
        let properties: JSONValue = ["osType": "Linux", "osState": "Generalized", "hyperVGeneration": "V2"]
        return ["name": "podvm", "properties": changed(properties, changes)]
    }

    static func version(in regions: String...) -> JSONValue {
        let targets = regions.map { ["name": .string($0)] as JSONValue }
        return [
            "name": "1.0.0",
            "properties": ["publishingProfile": ["targetRegions": .array(targets)], "provisioningState": "Succeeded"],
        ]
    }

    static func subnet(_ changes: JSONValue) -> JSONValue {
        [
            "name": "pods",
            "properties": changed(["addressPrefix": "10.1.2.0/24", "ipConfigurations": [["id": "/a"]]], changes),
        ]
    }

    func run() async -> [Finding] {
        let client = arm.client(clock, options: options)
        return await AzureCheck(options, situation, client: client, sender: arm, clock: clock).run()
    }

    /// The findings whose verdict is not `ok`.
    func complaints() async -> [Finding] { await run().filter { $0.verdict != .ok } }
}
