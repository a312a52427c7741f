internal import JSON

/// Sizes and usages, as ARM lists them.
enum Catalog {
    /// `GET .../skus`; the only filter is a location.
    static func skus(_ region: String, _ scenario: AzureScenario, _ filter: String?) -> JSONValue {
        let wanted = filter.flatMap { $0.split(separator: "'").dropFirst().first }.map { $0.lowercased() }
        let sizes = MachineSize.all.filter { wanted.map($0.isSold) ?? true }
        var value = sizes.map { sku($0, wanted ?? region.lowercased(), scenario) }
        value.append([
            "resourceType": "disks", "name": "Premium_LRS", "tier": "Premium", "size": "P10",
            "locations": [.string(wanted ?? region)],
            "locationInfo": [["location": .string(wanted ?? region), "zones": ["1", "2", "3"], "zoneDetails": []]],
            "capabilities": [["name": "MaxSizeGiB", "value": "128"]], "restrictions": [],
        ])
        return ["value": .array(value)]
    }

    private static func sku(_ size: MachineSize, _ location: String, _ scenario: AzureScenario) -> JSONValue {
        var capabilities: [(String, String)] = [
            ("MaxResourceVolumeMB", "0"), ("OSVhdSizeMB", "1047552"), ("vCPUs", "\(size.cores)"),
            ("MemoryPreservingMaintenanceSupported", "False"), ("HyperVGenerations", "V2"),
            ("MemoryGB", "\(size.memoryGiB)"), ("MaxDataDiskCount", "\(size.maximumDisks)"),
            ("CpuArchitectureType", "x64"), ("LowPriorityCapable", "True"), ("PremiumIO", "True"),
            ("VMDeploymentTypes", "IaaS"), ("vCPUsAvailable", "\(size.cores)"), ("vCPUsPerCore", "2"),
            ("CombinedTempDiskAndCachedIOPS", "9000"), ("UncachedDiskIOPS", "3750"),
            ("EphemeralOSDiskSupported", "False"), ("EncryptionAtHostSupported", "True"),
            ("CapacityReservationSupported", "False"), ("RdmaEnabled", "False"),
            ("AcceleratedNetworkingEnabled", size.technology == nil ? "True" : "False"),
            ("MaxNetworkInterfaces", size.cores <= 4 ? "2" : size.cores <= 8 ? "4" : "8"),
        ]
        if size.graphicsCards > 0 { capabilities.append(("GPUs", "\(size.graphicsCards)")) }
        if let technology = size.technology {
            capabilities.append(("ConfidentialComputingType", technology.rawValue))
        }
        let restrictions = scenario.restrictions.filter { $0.size == size.name }.map { rule -> JSONValue in
            [
                "type": rule.zones.isEmpty ? "Location" : "Zone", "values": [.string(location)],
                "restrictionInfo": [
                    "locations": [.string(location)], "zones": .array(rule.zones.map { .string($0) }),
                ],
                "reasonCode": .string(rule.reason),
            ]
        }
        return [
            "resourceType": "virtualMachines", "name": .string(size.name), "tier": "Standard",
            "size": .string(String(size.name.dropFirst("Standard_".count))), "family": .string(size.family),
            "locations": [.string(location)],
            "locationInfo": [["location": .string(location), "zones": ["1", "2", "3"], "zoneDetails": []]],
            "capabilities": .array(
                capabilities.map { ["name": .string($0.0), "value": .string($0.1)] }),
            "restrictions": .array(restrictions),
        ]
    }

    /// `GET .../vmSizes`, which is deprecated in Azure.
    static func machineSizes(_ location: String) -> JSONValue {
        let sizes = MachineSize.all.filter { $0.isSold(in: location) }.map { size -> JSONValue in
            [
                "name": .string(size.name), "numberOfCores": .integer(Int64(size.cores)),
                "memoryInMB": .integer(Int64(size.memoryGiB) << 10),
                "maxDataDiskCount": .integer(Int64(size.maximumDisks)), "osDiskSizeInMB": 1_047_552,
                "resourceDiskSizeInMB": 0,
            ]
        }
        return ["value": .array(sizes)]
    }

    /// `GET .../usages` of Microsoft.Compute or Microsoft.Network.
    static func usages(
        _ state: AzureState, _ scenario: AzureScenario, ofNetwork: Bool, _ options: FakeAzureOptions
    ) -> JSONValue {
        func usage(_ name: String, _ title: String, _ current: Int, _ limit: Int) -> JSONValue {
            var members = JSONObject(members: [
                "unit": "Count", "currentValue": .integer(Int64(current)), "limit": .integer(Int64(limit)),
                "name": ["value": .string(name), "localizedValue": .string(title)],
            ])
            if ofNetwork {
                members["id"] = .string(
                    "/subscriptions/\(options.subscriptionID)/providers/Microsoft.Network/locations/"
                        + "\(options.region)/usages/\(name)")
            }
            return .object(members)
        }
        if ofNetwork {
            return [
                "value": [
                    usage("PublicIPAddresses", "Public IP Addresses", state.publicAddresses.count, 1000),
                    usage(
                        "StandardPublicIPAddresses", "Standard Public IP Addresses", state.publicAddresses.count, 1000),
                    usage("NetworkInterfaces", "Network Interfaces", state.interfaces.count, 65536),
                ]
            ]
        }
        let (used, quota) = (state.usage, scenario.quota)
        var value = [
            usage("cores", "Total Regional vCPUs", used.cores, quota.cores),
            usage("lowPriorityCores", "Total Regional Low-priority vCPUs", used.spotCores, quota.spotCores),
            usage("virtualMachines", "Virtual Machines", used.machines, quota.machines),
        ]
        var families: [String] = []
        for size in MachineSize.all where !families.contains(size.family) { families.append(size.family) }
        for family in families {
            value.append(usage(family, "\(family) vCPUs", used.cores(of: family), quota.limit(of: family)))
        }
        return ["value": .array(value)]
    }
}
