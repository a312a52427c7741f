import JSON
import PodVMLifecycle
import Testing

@testable import AzureProvider

@Suite("The body of a request for a VM")
struct VMBodyTests {
    private func body(
        _ change: (inout AzureOptions) -> Void = { _ in }, _ spec: InstanceSpec = Example.spec(),
        size: String = "Standard_DC2es_v6", zone: String? = nil
    ) -> JSONValue {
        var options = Example.options
        change(&options)
        return VMBody(
            options: options, spec: spec, size: VMSize(name: size), zone: zone, sshPublicKey: "ssh-ed25519 AAAA"
        ).json
    }

    @Test("describes a confidential VM whose disk and interface are deleted with it")
    func whole() throws {
        let expected = try JSONValue(
            parsing: Array(
                """
                {"location":"eastus","tags":{"peerpods-tee":"tdx"},"properties":{"hardwareProfile":{"vmSize":"Standard_DC2es_v6"},
                "securityProfile":{"securityType":"ConfidentialVM","uefiSettings":{"secureBootEnabled":false,"vTpmEnabled":true}},
                "storageProfile":{"imageReference":{"id":"\(Example.options.imageID)"},
                "osDisk":{"name":"podvm-nginx-0a1b2c3d-disk","createOption":"FromImage","caching":"ReadWrite","deleteOption":"Delete",
                "managedDisk":{"storageAccountType":"Premium_LRS","securityProfile":{"securityEncryptionType":"VMGuestStateOnly"}}}},
                "osProfile":{"computerName":"podvm-nginx-0a1b2c3d","adminUsername":"peerpod","linuxConfiguration":
                {"disablePasswordAuthentication":true,"ssh":{"publicKeys":[{"path":"/home/peerpod/.ssh/authorized_keys",
                "keyData":"ssh-ed25519 AAAA"}]}}},
                "networkProfile":{"networkApiVersion":"2020-11-01","networkInterfaceConfigurations":[{"name":"podvm-nginx-0a1b2c3d-net",
                "properties":{"primary":true,"deleteOption":"Delete","ipConfigurations":[{"name":"ip-config","properties":
                {"primary":true,"subnet":{"id":"\(Example.options.subnetID)"}}}]}}]},
                "diagnosticsProfile":{"bootDiagnostics":{"enabled":true}},"userData":"I2Nsb3VkLWNvbmZpZw=="}}
                """.utf8))
        #expect(body() == expected)
    }

    @Test("has zone, identities, security group, public address and root size only when they are configured")
    func options() {
        let body = body(
            {
                $0.identities = [
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/i"
                ]
                $0.securityGroupID = "nsg"
                $0.usesPublicIP = true
                $0.rootVolumeSize = 64
                $0.hasSecureBoot = true
                $0.diskEncryption = .diskWithVMGuestState
            }, zone: "2")
        #expect(body["zones"] == ["2"])
        #expect(body["identity"]?["type"] == "UserAssigned")
        #expect(body["identity"]?["userAssignedIdentities"]?.objectValue?.count == 1)
        let properties = body["properties"]
        let interface = properties?["networkProfile"]?["networkInterfaceConfigurations"]?.arrayValue?.first?[
            "properties"]
        #expect(interface?["networkSecurityGroup"]?["id"] == "nsg")
        let address = interface?["ipConfigurations"]?.arrayValue?.first?["properties"]
        #expect(
            address?["publicIPAddressConfiguration"] == [
                "name": "podvm-nginx-0a1b2c3d-net", "sku": ["name": "Standard", "tier": "Regional"],
                "properties": ["deleteOption": "Delete", "publicIPAllocationMethod": "Static"],
            ])
        let disk = properties?["storageProfile"]?["osDisk"]
        #expect(disk?["diskSizeGB"] == 64)
        #expect(
            disk?["managedDisk"]?["securityProfile"]?["securityEncryptionType"] == "DiskWithVMGuestState")
        #expect(properties?["securityProfile"]?["uefiSettings"]?["secureBootEnabled"] == true)
    }

    @Test("has no security profile for a VM that is not confidential")
    func plain() {
        let properties = body({ $0.isConfidential = false })["properties"]
        #expect(properties?["securityProfile"] == nil)
        #expect(properties?["storageProfile"]?["osDisk"]?["managedDisk"] == ["storageAccountType": "Premium_LRS"])
    }

    @Test("has the pod's image instead of the configured one, from any kind of source")
    func images() {
        let community = "/CommunityGalleries/cococommunity-42/Images/peerpod/Versions/0.1.0"
        let spec = Example.spec(Requirements(image: community))
        #expect(
            body({ _ in }, spec)["properties"]?["storageProfile"]?["imageReference"] == [
                "communityGalleryImageId": .string(community)
            ])
        #expect(
            ImageReference("/sharedGalleries/u/Images/i/Versions/latest").body.objectValue?.keys == [
                "sharedGalleryImageId"
            ])
        #expect(ImageReference(" /subscriptions/x ").body == ["id": "/subscriptions/x"])
    }

    @Test("has the operator's tags and the adaptor's tags, which replace the operator's in any case")
    func tags() {
        let body = body(
            { $0.tags = ["team": "blue", "PeerPods-Sandbox": "theirs"] },
            Example.spec(tags: [InstanceTags.sandbox: "a"]))
        #expect(body["tags"] == ["team": "blue", "peerpods-sandbox": "a", "peerpods-tee": "tdx"])
    }

    @Test("has a tag that names the technology which protects the VM")
    func tee() {
        func tag(_ size: String, confidential: Bool = true) -> JSONValue? {
            body({ $0.isConfidential = confidential }, size: size)["tags"]?["peerpods-tee"]
        }
        #expect(tag("Standard_DC2es_v6") == "tdx")
        #expect(tag("Standard_EC4eds_v5") == "tdx")
        #expect(tag("Standard_DC2as_v5") == "snp")
        #expect(tag("Standard_EC2ads_v6") == "snp")
        #expect(tag("Standard_DC2es_v6", confidential: false) == "none")
        #expect(tag("Standard_D2s_v5", confidential: false) == "none")
    }

    @Test("has boot diagnostics unless they are switched off")
    func diagnostics() {
        func isOn(_ value: Bool) -> JSONValue? {
            body({ $0.hasBootDiagnostics = value })["properties"]?["diagnosticsProfile"]?["bootDiagnostics"]
        }
        #expect(isOn(true) == ["enabled": true])
        #expect(isOn(false) == ["enabled": false])
    }
}

@Suite("A resource's tags")
struct ResourceTagsTests {
    @Test("are refused beyond each of Azure's limits, with a sentence that names the limit")
    func limits() {
        let many = Dictionary(uniqueKeysWithValues: (0..<51).map { ("t\($0)", "") })
        #expect(
            ResourceTags.faults(in: many) == ["there are 51 tags, with the adaptor's own; a resource has at most 50."])
        func fault(_ name: String, _ value: String = "") -> String { ResourceTags.faults(in: [name: value]).joined() }
        #expect(fault(String(repeating: "n", count: 512)) == "")
        #expect(fault(String(repeating: "n", count: 513)).contains("has 513 characters; at most 512"))
        #expect(fault("a", String(repeating: "v", count: 256)) == "")
        #expect(fault("a", String(repeating: "v", count: 257)).contains("has 257 characters; at most 256"))
        #expect(fault("a/b").contains("has '/'"))
        #expect(fault("a\nb").contains("control character"))
        #expect(fault("") == "a tag has no name.")
        #expect(ResourceTags.faults(in: ["a": "", "A": ""]).joined().contains("there twice"))
    }
}
