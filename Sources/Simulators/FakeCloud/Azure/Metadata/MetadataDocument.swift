internal import HTTPTransport
internal import JSON

/// The document of a VM's metadata service; every scalar is a string.
struct MetadataDocument {
    private let compute: JSONObject
    private let network: JSONObject

    init(_ machine: FakeVirtualMachine, in state: AzureState) {
        let body = machine.body
        let tags = body.tags.entries.map { ($0.key, $0.value.stringValue ?? "") }
        let system = ARMText(body.properties["osProfile"])
        let keys = system["linuxConfiguration"]["ssh"]["publicKeys"].elements.map { key -> JSONValue in
            ["keyData": .string(key["keyData"].text), "path": .string(key["path"].text)]
        }
        let firmware = ARMText(body.properties["securityProfile"])["uefiSettings"]
        var image = JSONObject(members: ["id": "", "offer": "", "publisher": "", "sku": "", "version": ""])
        switch body.image {
        case .id(let path): image["id"] = .string(path)
        case .community(let path): image["communityGalleryImageId"] = .string(path)
        case .shared(let path): image["sharedGalleryImageId"] = .string(path)
        case .platform(let publisher): image["publisher"] = .string(publisher)
        }
        compute = JSONObject(members: [
            "azEnvironment": "AzurePublicCloud", "customData": "", "evictionPolicy": "",
            "isHostCompatibilityLayerVm": "false", "licenseType": "", "location": .string(state.region),
            "name": .string(machine.id.name),
            "osProfile": [
                "adminUsername": .string(system["adminUsername"].text),
                "computerName": .string(body.computerName),
                "disablePasswordAuthentication": .string(
                    system["linuxConfiguration"]["disablePasswordAuthentication"].text),
            ],
            "osType": "Linux", "placementGroupId": "", "priority": body.isSpot ? "Spot" : "",
            "provider": "Microsoft.Compute",
            "publicKeys": .array(keys), "resourceGroupName": .string(machine.id.group),
            "resourceId": .string(machine.id.path(in: state.subscription)),
            "securityProfile": [
                "secureBootEnabled": .string(
                    firmware["secureBootEnabled"].text.isEmpty ? "false" : firmware["secureBootEnabled"].text),
                "virtualTpmEnabled": .string(
                    firmware["vTpmEnabled"].text.isEmpty ? "false" : firmware["vTpmEnabled"].text),
                "encryptionAtHost": "false", "securityType": .string(body.securityType ?? ""),
            ],
            "storageProfile": [
                "imageReference": .object(image),
                "osDisk": [
                    "name": .string(machine.disk.name), "diskSizeGB": .string("\(body.diskSizeGB)"), "osType": "Linux",
                    "createOption": "FromImage", "caching": "ReadWrite",
                    "managedDisk": [
                        "id": .string(machine.disk.path(in: state.subscription)),
                        "storageAccountType": .string(body.storageType),
                    ],
                ],
                "dataDisks": [], "resourceDisk": ["size": "0"],
            ],
            "subscriptionId": .string(state.subscription),
            "tags": .string(tags.map { "\($0.0):\($0.1)" }.joined(separator: ";")),
            "tagsList": .array(tags.map { ["name": .string($0.0), "value": .string($0.1)] }),
            "userData": .string(body.userData ?? ""), "version": "", "virtualMachineScaleSet": ["id": ""],
            "vmId": .string(machine.vmID), "vmScaleSetName": "", "vmSize": .string(body.size.name),
            "zone": .string(body.zones.first ?? ""), "physicalZone": "",
        ])
        let interfaces = machine.interfaces.compactMap { state.interfaces[$0] }.map { interface -> JSONValue in
            MetadataDocument.interface(
                hardware: interface.hardwareAddress.filter { $0 != "-" },
                interface.addresses.map { address in
                    (address.address, address.publicAddress.flatMap { state.publicAddresses[$0]?.address } ?? "")
                })
        }
        network = JSONObject(members: ["interface": .array(interfaces)])
    }

    /// The document of the node, with its region.
    init(nodeOf options: FakeAzureOptions) {
        compute = JSONObject(members: [
            "azEnvironment": "AzurePublicCloud", "location": .string(options.region), "name": "node",
            "osType": "Linux", "provider": "Microsoft.Compute", "resourceGroupName": .string(options.resourceGroup),
            "subscriptionId": .string(options.subscriptionID), "tags": "", "tagsList": [], "userData": "",
            "vmId": "00000000-0000-4000-8000-000000000004", "vmSize": "Standard_D4s_v5", "zone": "",
        ])
        network = JSONObject(members: [
            "interface": [MetadataDocument.interface(hardware: "000D3A000001", [("10.224.0.4", "")])]
        ])
    }

    private static func interface(hardware: String, _ addresses: [(own: String, visible: String)]) -> JSONValue {
        [
            "ipv4": [
                "ipAddress": .array(
                    addresses.map { ["privateIpAddress": .string($0.own), "publicIpAddress": .string($0.visible)] }),
                "subnet": [["address": "10.224.0.0", "prefix": "16"]],
            ],
            "ipv6": ["ipAddress": []], "macAddress": .string(hardware),
        ]
    }

    /// The answer to `path`: `versions`, or `instance` and the paths below it.
    func answer(_ path: [String], _ exchange: Exchange) throws(MetadataFault) -> HTTPResponse {
        switch path.first?.lowercased() {
        case "versions":
            return .json(["apiVersions": .array(APIVersions.metadata.map { .string($0) })])
        case "instance": break
        default: throw MetadataFault(404, "Not found")
        }
        var value: JSONValue = ["compute": .object(compute), "network": .object(network)]
        for name in path.dropFirst() {
            guard let next = MetadataDocument.child(of: value, name) else { throw MetadataFault(404, "Not found") }
            value = next
        }
        if path.last?.lowercased() == "userdata", (exchange.query("api-version") ?? "") < "2021-01-01" {
            throw MetadataFault(404, "Not found")
        }
        if exchange.query("format")?.lowercased() == "text" {
            switch value {
            case .string(let text): return .text(text)
            case .object(let members): return .text(members.keys.joined(separator: "\n"))
            case .array(let elements): return .text(elements.indices.map { "\($0)/" }.joined(separator: "\n"))
            default: return .text("")
            }
        }
        if case .string = value {
            // A leaf is served only as text; JSON would be ambiguous.
            throw MetadataFault(
                400, "Bad request. The requested resource is a leaf: add format=text")
        }
        return .json(value)
    }

    private static func child(of value: JSONValue, _ name: String) -> JSONValue? {
        switch value {
        case .object(let members):
            return members.entries.first { $0.key.lowercased() == name.lowercased() }?.value
        case .array(let elements): return Int(name).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
        default: return nil
        }
    }
}

/// A JSON value read as text; missing members are empty.
private struct ARMText {
    private let value: JSONValue?

    init(_ value: JSONValue?) { self.value = value }

    subscript(key: String) -> ARMText {
        ARMText(value?.objectValue?.entries.first { $0.key.lowercased() == key.lowercased() }?.value)
    }

    var elements: [ARMText] { (value?.arrayValue ?? []).map { ARMText($0) } }

    var text: String {
        switch value {
        case .string(let text): text
        case .bool(let flag): flag ? "true" : "false"
        case .integer(let number): String(number)
        default: ""
        }
    }
}
