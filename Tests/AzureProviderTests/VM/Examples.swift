import AzureProvider
import JSON
import PodVMLifecycle

/// Options, pods and answers that tests share.
enum Example {
    static let group = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/pods/providers"

    static var options: AzureOptions {
        var options = AzureOptions()
        options.subscriptionID = "11111111-2222-3333-4444-555555555555"
        options.tenantID = "tenant"
        options.clientID = "client"
        options.resourceGroup = "pods"
        options.region = "eastus"
        options.subnetID = "\(group)/Microsoft.Network/virtualNetworks/vnet/subnets/pods"
        options.imageID = "\(group)/Microsoft.Compute/galleries/G/images/I/versions/1.0.0"
        options.instanceSize = "Standard_DC2es_v6"
        return options
    }

    static let vm = InstanceID(rawValue: "podvm-nginx-0a1b2c3d")

    static func spec(_ wanted: Requirements = Requirements(), tags: [String: String] = [:]) -> InstanceSpec {
        InstanceSpec(
            name: vm, podName: "nginx", podNamespace: "default", requirements: wanted, userData: "I2Nsb3VkLWNvbmZpZw==",
            tags: tags)
    }

    /// A VM size as the resource SKUs list it.
    static func sku(
        _ name: String, family: String = "standardDCEV6Family", _ capabilities: KeyValuePairs<String, String> = [:],
        region: String = "eastus", zones: [String] = ["1", "2", "3"], restrictions: [JSONValue] = []
    ) -> JSONValue {
        let zones: JSONValue = .array(zones.map { .string($0) })
        return [
            "resourceType": "virtualMachines", "name": .string(name), "family": .string(family),
            "locations": [.string(region)],
            "locationInfo": [["location": .string(region), "zones": zones, "zoneDetails": []]],
            "capabilities": .array(capabilities.map { ["name": .string($0), "value": .string($1)] }),
            "restrictions": .array(restrictions),
        ]
    }

    static func sized(
        _ name: String, _ vcpus: Int, _ gibibytes: Int, family: String = "standardDCEV6Family", gpus: Int = 0,
        type: String? = "TDX", zones: [String] = ["1", "2", "3"]
    ) -> JSONValue {
        var sku = JSONObject(
            sku(
                name, family: family,
                ["vCPUs": "\(vcpus)", "MemoryGB": "\(gibibytes)", "GPUs": "\(gpus)", "PremiumIO": "True"], zones: zones
            ).objectValue?.entries.map { ($0.key, $0.value) } ?? [])
        if let type, let list = sku["capabilities"]?.arrayValue {
            sku["capabilities"] = .array(list + [["name": "ConfidentialComputingType", "value": .string(type)]])
        }
        return .object(sku)
    }

    /// Confidential sizes of two families, a size that is not confidential, and an expensive size.
    static var skus: [JSONValue] {
        [
            sized("Standard_DC4es_v6", 4, 16), sized("Standard_DC2es_v6", 2, 8),
            sized("Standard_EC2es_v6", 2, 16, family: "standardECEV5Family"), sized("Standard_DC8es_v6", 8, 32),
            sized("Standard_DC2as_v5", 2, 8, family: "standardDCASv5Family", type: "SNP"),
            sized("Standard_D2s_v5", 2, 8, family: "standardDSv5Family", type: nil),
            sized("Standard_NCC40ads_H100_v5", 40, 320, family: "standardNCCv5Family", gpus: 1, type: "SNP"),
        ]
    }

    static func catalog(_ skus: [JSONValue] = Example.skus) throws -> SizeCatalog {
        try SizeCatalog(try skus.map { try JSONNode($0) }, in: "eastus")
    }
}
