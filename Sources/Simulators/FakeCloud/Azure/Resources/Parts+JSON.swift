internal import JSON
internal import Telemetry

extension FakeNetworkInterface {
    /// What a GET answers.
    func json(in state: AzureState) -> JSONValue {
        let path = id.path(in: state.subscription)
        let weakTag = "W/\"\(etag)\""
        let configurations = addresses.map { address -> JSONValue in
            var properties = JSONObject(members: ["provisioningState": "Succeeded"])
            if !address.address.isEmpty { properties["privateIPAddress"] = .string(address.address) }
            properties["privateIPAllocationMethod"] = "Dynamic"
            if let publicAddress = address.publicAddress {
                properties["publicIPAddress"] = ["id": .string(publicAddress.path(in: state.subscription))]
            }
            properties["subnet"] = ["id": .string(address.subnet)]
            properties["primary"] = .bool(address.isPrimary)
            properties["privateIPAddressVersion"] = "IPv4"
            return [
                "name": .string(address.name), "id": .string("\(path)/ipConfigurations/\(address.name)"),
                "etag": .string(weakTag), "type": "Microsoft.Network/networkInterfaces/ipConfigurations",
                "properties": .object(properties),
            ]
        }
        var properties = JSONObject(members: [
            "provisioningState": "Succeeded", "resourceGuid": .string(guid),
            "ipConfigurations": .array(configurations), "dnsSettings": ["dnsServers": [], "appliedDnsServers": []],
            "macAddress": .string(hardwareAddress), "enableAcceleratedNetworking": .bool(hasAcceleration),
            "vnetEncryptionSupported": false, "enableIPForwarding": false, "primary": .bool(isPrimary),
        ])
        if let securityGroup { properties["networkSecurityGroup"] = ["id": .string(securityGroup)] }
        if let machine { properties["virtualMachine"] = ["id": .string(machine.path(in: state.subscription))] }
        properties["hostedWorkloads"] = []
        properties["tapConfigurations"] = []
        properties["nicType"] = "Standard"
        properties["auxiliaryMode"] = "None"
        properties["auxiliarySku"] = "None"
        var members = JSONObject(members: [
            "name": .string(id.name), "id": .string(path), "etag": .string(weakTag),
            "type": .string(id.kind.typeName), "location": .string(state.region), "properties": .object(properties),
        ])
        if !tags.isEmpty { members["tags"] = .object(tags) }
        return .object(members)
    }
}

extension PublicAddress {
    /// What a GET answers.
    func json(in state: AzureState) -> JSONValue {
        var properties = JSONObject(members: [
            "provisioningState": "Succeeded", "resourceGuid": .string(guid),
            "publicIPAddressVersion": "IPv4", "publicIPAllocationMethod": isStatic ? "Static" : "Dynamic",
            "idleTimeoutInMinutes": 4, "ipTags": [], "deleteOption": goesWithInterface ? "Delete" : "Detach",
        ])
        if !address.isEmpty, isStatic || interface != nil { properties["ipAddress"] = .string(address) }
        if let interface {
            let path = interface.path(in: state.subscription)
            properties["ipConfiguration"] = ["id": .string("\(path)/ipConfigurations/\(configuration)")]
        }
        var members = JSONObject(members: [
            "name": .string(id.name), "id": .string(id.path(in: state.subscription)),
            "etag": .string("W/\"\(etag)\""), "type": .string(id.kind.typeName),
            "location": .string(state.region), "properties": .object(properties),
            "sku": ["name": isStandard ? "Standard" : "Basic", "tier": "Regional"],
        ])
        if !tags.isEmpty { members["tags"] = .object(tags) }
        if !zones.isEmpty { members["zones"] = .array(zones.map { .string($0) }) }
        return .object(members)
    }
}

extension ManagedDisk {
    /// What a GET answers.
    func json(in state: AzureState) -> JSONValue {
        var creation = JSONObject(members: ["createOption": image == nil ? "Empty" : "FromImage"])
        switch image {
        case .id(let path): creation["galleryImageReference"] = ["id": .string(path)]
        case .community(let path): creation["galleryImageReference"] = ["communityGalleryImageId": .string(path)]
        case .shared(let path): creation["galleryImageReference"] = ["sharedGalleryImageId": .string(path)]
        case .platform, nil: break
        }
        var properties = JSONObject()
        if image != nil {
            properties["osType"] = "Linux"
            properties["hyperVGeneration"] = "V2"
        }
        properties["creationData"] = .object(creation)
        properties["diskSizeGB"] = .integer(sizeGB)
        properties["diskSizeBytes"] = .integer(sizeGB << 30)
        properties["uniqueId"] = .string(guid)
        properties["provisioningState"] = "Succeeded"
        properties["diskState"] = machine == nil ? "Unattached" : "Attached"
        properties["timeCreated"] = .string(made.description)
        properties["networkAccessPolicy"] = "AllowAll"
        properties["publicNetworkAccess"] = "Enabled"
        if let securityType { properties["securityProfile"] = ["securityType": .string(securityType)] }
        var members = JSONObject(members: [
            "name": .string(id.name), "id": .string(id.path(in: state.subscription)),
            "type": .string(id.kind.typeName), "location": .string(state.region),
            "sku": ["name": .string(storageType), "tier": storageType.hasPrefix("Premium") ? "Premium" : "Standard"],
            "properties": .object(properties),
        ])
        if let machine { members["managedBy"] = .string(machine.path(in: state.subscription)) }
        if !tags.isEmpty { members["tags"] = .object(tags) }
        if !zones.isEmpty { members["zones"] = .array(zones.map { .string($0) }) }
        return .object(members)
    }
}
