internal import JSON

extension Fixtures {
    /// The security group: Azure's default rules; with ``AzureScenario/openPorts`` all other ports are denied.
    var securityGroup: JSONValue {
        let path = account.securityGroupID
        var rules: [JSONValue] = []
        if !scenario.openPorts.isEmpty {
            for (index, port) in scenario.openPorts.enumerated() {
                rules.append(
                    rule(
                        "\(path)/securityRules", "allow-\(port)", 100 + index, "Inbound", "Allow", "Tcp",
                        "VirtualNetwork", "*", String(port)))
            }
            rules.append(
                rule("\(path)/securityRules", "deny-all", 4096, "Inbound", "Deny", "*", "*", "*", "*"))
        }
        let defaults = "\(path)/defaultSecurityRules"
        let standard: [JSONValue] = [
            rule(defaults, "AllowVnetInBound", 65000, "Inbound", "Allow", "*", "VirtualNetwork", "VirtualNetwork", "*"),
            rule(
                defaults, "AllowAzureLoadBalancerInBound", 65001, "Inbound", "Allow", "*", "AzureLoadBalancer", "*", "*"
            ),
            rule(defaults, "DenyAllInBound", 65500, "Inbound", "Deny", "*", "*", "*", "*"),
            rule(
                defaults, "AllowVnetOutBound", 65000, "Outbound", "Allow", "*", "VirtualNetwork", "VirtualNetwork", "*"),
            rule(defaults, "AllowInternetOutBound", 65001, "Outbound", "Allow", "*", "*", "Internet", "*"),
            rule(defaults, "DenyAllOutBound", 65500, "Outbound", "Deny", "*", "*", "*", "*"),
        ]
        return [
            "name": .string(path.split(separator: "/").last.map(String.init) ?? ""), "id": .string(path),
            "etag": "W/\"00000000-0000-4000-8000-00000000000e\"", "type": "Microsoft.Network/networkSecurityGroups",
            "location": .string(options.region),
            "properties": [
                "provisioningState": "Succeeded", "resourceGuid": "00000000-0000-4000-8000-00000000000d",
                "securityRules": .array(rules), "defaultSecurityRules": .array(standard),
                "subnets": [["id": .string(account.subnetID)]],
            ],
        ]
    }

    private func rule(
        _ base: String, _ name: String, _ priority: Int, _ direction: String, _ access: String, _ proto: String,
        _ source: String, _ destination: String, _ port: String
    ) -> JSONValue {
        [
            "name": .string(name), "id": .string("\(base)/\(name)"),
            "properties": [
                "provisioningState": "Succeeded", "protocol": .string(proto), "sourcePortRange": "*",
                "destinationPortRange": .string(port), "sourceAddressPrefix": .string(source),
                "destinationAddressPrefix": .string(destination), "access": .string(access),
                "priority": .integer(Int64(priority)), "direction": .string(direction), "sourcePortRanges": [],
                "destinationPortRanges": [], "sourceAddressPrefixes": [], "destinationAddressPrefixes": [],
            ],
        ]
    }
}
