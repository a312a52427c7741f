internal import JSON

/// The read-only resources of the subscription: network, image, group, rights.
struct Fixtures {
    /// The name of the only subnet.
    static let subnet = "podvms"

    let options: FakeAzureOptions
    let account: FakeAzureAccount
    let scenario: AzureScenario
    let state: AzureState

    init(_ options: FakeAzureOptions, _ account: FakeAzureAccount, _ scenario: AzureScenario, _ state: AzureState) {
        self.options = options
        self.account = account
        self.scenario = scenario
        self.state = state
    }

    private var subscription: String { "/subscriptions/\(options.subscriptionID)" }
    private var group: String { "\(subscription)/resourceGroups/\(options.resourceGroup)" }
    private var network: String { "\(group)/providers/Microsoft.Network" }
    private var virtualNetwork: String { "\(network)/virtualNetworks/peerpods" }

    /// The answer to a GET of a path, in lower case; nil: there is no resource.
    func find(_ path: String) -> JSONValue? {
        let permissions = "/providers/microsoft.authorization/permissions"
        if path.hasSuffix(permissions) {
            let scope = String(path.dropLast(permissions.count))
            guard scope.isEmpty == false, find(scope) != nil else { return nil }
            return [
                "value": [
                    [
                        "actions": .array(scenario.permissions.map { .string($0) }), "notActions": [],
                        "dataActions": [], "notDataActions": [],
                    ]
                ]
            ]
        }
        switch path {
        case subscription.lowercased(): return subscriptionBody
        case "\(subscription)/locations".lowercased(): return locations
        case group.lowercased(): return groupBody
        case virtualNetwork.lowercased(): return networkBody
        case "\(virtualNetwork)/usages".lowercased(): return networkUsages
        case "\(virtualNetwork)/subnets".lowercased(): return ["value": [subnetBody]]
        case account.subnetID.lowercased(): return subnetBody
        case account.securityGroupID.lowercased(): return securityGroup
        case "\(network)/natgateways/peerpods".lowercased(): return scenario.subnet.outbound == "nat" ? gateway : nil
        case "\(network)/routetables/peerpods".lowercased(): return scenario.subnet.outbound == "route" ? routes : nil
        default: return imageBody(path)
        }
    }

    /// Whether an interface can refer to this path: to the subnet or to the security group.
    func isReferable(_ path: String) -> Bool {
        [account.subnetID, account.securityGroupID].contains { $0.lowercased() == path.lowercased() }
    }

    /// The number of free addresses in the subnet: Azure reserves five in each subnet.
    var freeAddresses: Int { max(0, addresses - scenario.subnet.used - state.interfaces.count) }

    private var addresses: Int {
        let length = scenario.subnet.prefix.split(separator: "/").last.flatMap { Int($0) } ?? 16
        return max(0, 1 << max(0, min(32, 32 - length)) - 5)
    }

    private func resource(
        _ path: String, _ type: String, hasLocation: Bool = true, _ properties: JSONObject
    ) -> JSONValue {
        var members = JSONObject(members: [
            "name": .string(path.split(separator: "/").last.map(String.init) ?? ""), "id": .string(path),
            "type": .string(type),
        ])
        if type.hasPrefix("Microsoft.Network") { members["etag"] = "W/\"00000000-0000-4000-8000-00000000000f\"" }
        if hasLocation { members["location"] = .string(options.region) }
        var properties = properties
        properties["provisioningState"] = "Succeeded"
        members["properties"] = .object(properties)
        return .object(members)
    }

    private var subscriptionBody: JSONValue {
        [
            "id": .string(subscription), "subscriptionId": .string(options.subscriptionID),
            "tenantId": .string(options.tenantID), "displayName": "Fake Azure", "state": "Enabled",
            "subscriptionPolicies": [
                "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off",
            ],
            "authorizationSource": "RoleBased",
        ]
    }

    private var locations: JSONValue {
        let names = [
            ("eastus", "East US"), ("eastus2", "East US 2"), ("centralus", "Central US"), ("westus", "West US"),
            ("westus3", "West US 3"), ("northeurope", "North Europe"), ("westeurope", "West Europe"),
        ]
        var all = names
        if !names.contains(where: { $0.0 == options.region.lowercased() }) {
            all.append((options.region, options.region))
        }
        return [
            "value": .array(
                all.map { name, title in
                    [
                        "id": .string("\(subscription)/locations/\(name)"), "name": .string(name),
                        "displayName": .string(title), "regionalDisplayName": .string(title),
                        "metadata": ["regionType": "Physical", "regionCategory": "Recommended"],
                    ]
                })
        ]
    }

    private var groupBody: JSONValue {
        resource(group, "Microsoft.Resources/resourceGroups", JSONObject())
    }

    private var networkBody: JSONValue {
        resource(
            virtualNetwork, "Microsoft.Network/virtualNetworks",
            JSONObject(members: [
                "addressSpace": ["addressPrefixes": [.string(scenario.subnet.prefix)]], "subnets": [subnetBody],
                "enableDdosProtection": false,
            ]))
    }

    private var networkUsages: JSONValue {
        [
            "value": [
                [
                    "currentValue": .integer(Int64(addresses - freeAddresses)), "id": .string(account.subnetID),
                    "limit": .integer(Int64(addresses)),
                    "name": ["localizedValue": "Subnet size and usage", "value": "SubnetSpace"], "unit": "Count",
                ]
            ]
        ]
    }

    private var subnetBody: JSONValue {
        var properties = JSONObject(members: [
            "addressPrefix": .string(scenario.subnet.prefix),
            "networkSecurityGroup": ["id": .string(account.securityGroupID)], "delegations": [],
            "privateEndpointNetworkPolicies": "Disabled", "privateLinkServiceNetworkPolicies": "Enabled",
        ])
        var users: [JSONValue] = state.interfaces.all.flatMap { interface in
            interface.addresses.map { address -> JSONValue in
                let path = interface.id.path(in: options.subscriptionID)
                return ["id": .string("\(path)/ipConfigurations/\(address.name)")]
            }
        }
        for number in 0..<min(scenario.subnet.used, 4096) {
            users.append(["id": .string("\(network)/networkInterfaces/other-\(number)/ipConfigurations/ip")])
        }
        if !users.isEmpty { properties["ipConfigurations"] = .array(users) }
        switch scenario.subnet.outbound {
        case "nat": properties["natGateway"] = ["id": .string("\(network)/natGateways/peerpods")]
        case "route": properties["routeTable"] = ["id": .string("\(network)/routeTables/peerpods")]
        default: break
        }
        properties["defaultOutboundAccess"] = .bool(scenario.subnet.outbound == "default")
        return resource(account.subnetID, "Microsoft.Network/virtualNetworks/subnets", hasLocation: false, properties)
    }

    private var gateway: JSONValue {
        resource(
            "\(network)/natGateways/peerpods", "Microsoft.Network/natGateways",
            JSONObject(members: [
                "idleTimeoutInMinutes": 4, "subnets": [["id": .string(account.subnetID)]],
                "publicIpAddresses": [["id": .string("\(network)/publicIPAddresses/nat")]],
            ]))
    }

    private var routes: JSONValue {
        let path = "\(network)/routeTables/peerpods"
        return resource(
            path, "Microsoft.Network/routeTables",
            JSONObject(members: [
                "routes": [
                    [
                        "name": "firewall", "id": .string("\(path)/routes/firewall"),
                        "properties": [
                            "addressPrefix": "0.0.0.0/0", "nextHopType": "VirtualAppliance",
                            "nextHopIpAddress": "10.0.0.4", "provisioningState": "Succeeded",
                        ],
                    ]
                ]
            ]))
    }
}
