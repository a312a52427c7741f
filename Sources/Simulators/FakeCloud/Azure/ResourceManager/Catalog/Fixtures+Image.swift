internal import JSON

extension Fixtures {
    private var gallery: String {
        "/subscriptions/\(options.subscriptionID)/resourceGroups/\(options.resourceGroup)/providers/Microsoft.Compute"
            + "/galleries/peerpods"
    }
    private var definition: String { "\(gallery)/images/podvm" }
    private var version: String { "\(definition)/versions/1.0.0" }
    private var community: String {
        "/subscriptions/\(options.subscriptionID)/providers/Microsoft.Compute/locations/\(options.region)"
            + "/communityGalleries/peerpods-public/images/podvm"
    }
    private var managed: String {
        "/subscriptions/\(options.subscriptionID)/resourceGroups/\(options.resourceGroup)/providers/Microsoft.Compute"
            + "/images/podvm"
    }

    /// Whether VMs can be created from the image with this id in this region, in any form of the id.
    func hasImage(_ path: String) -> Bool {
        let path = path.lowercased()
        let names = [
            definition, version, "\(definition)/versions/latest", managed,
            "/communitygalleries/peerpods-public/images/podvm",
            "/communitygalleries/peerpods-public/images/podvm/versions/1.0.0",
            "/communitygalleries/peerpods-public/images/podvm/versions/latest",
        ]
        return scenario.image.isHere && names.contains { $0.lowercased() == path }
    }

    /// Galleries, images and versions.
    func imageBody(_ path: String) -> JSONValue? {
        switch path {
        case gallery.lowercased(): body(gallery, "galleries", JSONObject())
        case definition.lowercased(): body(definition, "galleries/images", definitionProperties)
        case "\(definition)/versions".lowercased(): ["value": [versionBody]]
        case version.lowercased(): versionBody
        case managed.lowercased():
            body(
                managed, "images",
                JSONObject(members: [
                    "hyperVGeneration": "V2",
                    "storageProfile": ["osDisk": ["osType": "Linux", "osState": "Generalized", "diskSizeGB": 30]],
                ]))
        case community.lowercased() where scenario.image.isHere: communityBody(community, definitionProperties)
        case "\(community)/versions".lowercased() where scenario.image.isHere: ["value": [communityVersion]]
        case "\(community)/versions/1.0.0".lowercased() where scenario.image.isHere: communityVersion
        default: nil
        }
    }

    private var definitionProperties: JSONObject {
        var properties = JSONObject(members: [
            "osType": "Linux", "osState": "Generalized", "hyperVGeneration": "V2", "architecture": "x64",
            "identifier": ["publisher": "peerpods", "offer": "podvm", "sku": "podvm"],
        ])
        if !scenario.image.security.isEmpty {
            properties["features"] = [["name": "SecurityType", "value": .string(scenario.image.security)]]
        }
        return properties
    }

    private var regions: [String] { (scenario.image.isHere ? [options.region] : []) + scenario.image.regions }

    private var versionBody: JSONValue {
        let targets = regions.map { region -> JSONValue in
            ["name": .string(region), "regionalReplicaCount": 1, "storageAccountType": "Standard_LRS"]
        }
        let replicas = regions.map { region -> JSONValue in
            ["region": .string(region), "state": "Completed", "details": "", "progress": 100]
        }
        return body(
            version, "galleries/images/versions",
            JSONObject(members: [
                "publishingProfile": [
                    "targetRegions": .array(targets), "replicaCount": 1, "excludeFromLatest": false,
                    "publishedDate": "2026-01-01T00:00:00+00:00", "storageAccountType": "Standard_LRS",
                ],
                "storageProfile": ["osDiskImage": ["sizeInGB": 30, "hostCaching": "ReadWrite"]],
                "replicationStatus": ["aggregatedState": "Completed", "summary": .array(replicas)],
            ]))
    }

    private var communityVersion: JSONValue {
        communityBody(
            "\(community)/versions/1.0.0",
            JSONObject(members: [
                "publishedDate": "2026-01-01T00:00:00+00:00", "excludeFromLatest": false,
                "storageProfile": ["osDiskImage": ["diskSizeGB": 30, "hostCaching": "ReadWrite"]],
            ]))
    }

    private func communityBody(_ path: String, _ properties: JSONObject) -> JSONValue {
        let name = path.split(separator: "/").last.map(String.init) ?? ""
        let unique =
            "/CommunityGalleries/peerpods-public/Images/podvm" + (name == "podvm" ? "" : "/Versions/\(name)")
        return [
            "name": .string(name), "location": .string(options.region),
            "type": "Microsoft.Compute/locations/communityGalleries/images",
            "identifier": ["uniqueId": .string(unique)], "properties": .object(properties),
        ]
    }

    private func body(_ path: String, _ type: String, _ properties: JSONObject) -> JSONValue {
        var properties = properties
        properties["provisioningState"] = "Succeeded"
        return [
            "name": .string(path.split(separator: "/").last.map(String.init) ?? ""), "id": .string(path),
            "type": .string("Microsoft.Compute/\(type)"), "location": .string(options.region),
            "properties": .object(properties),
        ]
    }
}
