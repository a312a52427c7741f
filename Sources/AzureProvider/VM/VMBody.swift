internal import JSON
internal import PodVMLifecycle

/// The body of the PUT that creates a VM: a function of the configuration, the pod's requirements, and the size and
/// zone.
struct VMBody: Sendable {
    let options: AzureOptions
    let spec: InstanceSpec
    let size: VMSize
    /// Nil: the region decides.
    let zone: String?
    /// The key as in `authorized_keys`. Azure requires a key; the private key may be discarded.
    let sshPublicKey: String

    private var resources: VMResources { VMResources(spec.name) }

    /// The technology that protects the VM's memory from the cloud.
    var tee: TEE { options.isConfidential ? size.tee : .none }

    /// The tags that the VM will have.
    var tags: [String: String] {
        var own = spec.tags
        own[ResourceTags.tee] = tee.rawValue
        return ResourceTags.merged(operators: options.tags, own: own)
    }

    var json: JSONValue {
        var body = fields(["location": .string(options.region)])
        if let zone { body["zones"] = .array([.string(zone)]) }
        body["tags"] = .object(JSONObject(tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        if !options.identities.isEmpty { body["identity"] = identity }
        body["properties"] = .object(properties)
        return .object(body)
    }

    private var identity: JSONValue {
        let identities = options.identities.map { ($0, JSONValue.object(JSONObject())) }
        return ["type": "UserAssigned", "userAssignedIdentities": .object(JSONObject(identities))]
    }

    private var properties: JSONObject {
        var properties = fields(["hardwareProfile": ["vmSize": .string(size.name)]])
        if options.isConfidential { properties["securityProfile"] = securityProfile }
        properties["storageProfile"] = .object(
            fields(["imageReference": ImageReference(spec.requirements.image ?? options.imageID).body, "osDisk": disk]))
        properties["osProfile"] = osProfile
        properties["networkProfile"] = .object(
            fields([
                "networkApiVersion": .string(APIVersion.inlineNetwork),
                "networkInterfaceConfigurations": .array([interface]),
            ]))
        let diagnostics: JSONValue = ["bootDiagnostics": ["enabled": .bool(options.hasBootDiagnostics)]]
        properties["diagnosticsProfile"] = diagnostics
        properties["userData"] = .string(spec.userData)
        return properties
    }

    private var securityProfile: JSONValue {
        // A confidential VM without a vTPM has no evidence for attestation, and Azure refuses it.
        [
            "securityType": "ConfidentialVM",
            "uefiSettings": ["secureBootEnabled": .bool(options.hasSecureBoot), "vTpmEnabled": true],
        ]
    }

    private var disk: JSONValue {
        var managed = fields(["storageAccountType": "Premium_LRS"])
        if options.isConfidential {
            let encryption: JSONValue = ["securityEncryptionType": .string(options.diskEncryption.rawValue)]
            managed["securityProfile"] = encryption
        }
        var disk = fields([
            "name": .string(resources.disk), "createOption": "FromImage", "caching": "ReadWrite",
            "deleteOption": "Delete", "managedDisk": .object(managed),
        ])
        if options.rootVolumeSize > 0 { disk["diskSizeGB"] = .integer(Int64(options.rootVolumeSize)) }
        return .object(disk)
    }

    private var osProfile: JSONValue {
        let user = options.sshUsername
        // Azure accepts no other path.
        let key: JSONValue = [
            "path": .string("/home/\(user)/.ssh/authorized_keys"), "keyData": .string(sshPublicKey),
        ]
        return [
            "computerName": .string(resources.vm), "adminUsername": .string(user),
            "linuxConfiguration": ["disablePasswordAuthentication": true, "ssh": ["publicKeys": [key]]],
        ]
    }

    private var interface: JSONValue {
        var properties = fields(["primary": true, "deleteOption": "Delete"])
        if !options.securityGroupID.isEmpty {
            properties["networkSecurityGroup"] = .object(fields(["id": .string(options.securityGroupID)]))
        }
        let configuration: JSONValue = [
            "name": .string(VMResources.addressConfiguration), "properties": .object(address),
        ]
        properties["ipConfigurations"] = .array([configuration])
        return ["name": .string(resources.interface), "properties": .object(properties)]
    }

    private var address: JSONObject {
        var address = fields(["primary": true, "subnet": ["id": .string(options.subnetID)]])
        guard options.usesPublicIP else { return address }
        // The SKU is Standard, because a zonal VM requires it.
        let publicAddress: JSONValue = [
            "name": .string(resources.publicAddress), "sku": ["name": "Standard", "tier": "Regional"],
            "properties": ["deleteOption": "Delete", "publicIPAllocationMethod": "Static"],
        ]
        address["publicIPAddressConfiguration"] = publicAddress
        return address
    }

    /// An object with the fields in this order.
    private func fields(_ pairs: KeyValuePairs<String, JSONValue>) -> JSONObject {
        JSONObject(pairs.map { ($0.key, $0.value) })
    }
}
