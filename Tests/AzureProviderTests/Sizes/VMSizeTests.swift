import AzureProvider
import JSON
import PodVMLifecycle
import Testing

@Suite("A VM size")
struct VMSizeTests {
    private func size(_ sku: JSONValue) throws -> VMSize { try #require(try VMSize(try JSONNode(sku), in: "eastus")) }

    @Test("is read from its SKU, whose numbers are strings and may have fractions")
    func parsing() throws {
        let size = try size(
            Example.sku(
                "Standard_DC2es_v6",
                [
                    "vCPUs": "2", "MemoryGB": "0.75", "GPUs": "1", "MaxDataDiskCount": "8", "PremiumIO": "True",
                    "ConfidentialComputingType": "TDX",
                ], region: "EastUS", zones: ["2", "1"]))
        #expect(size.family == "standardDCEV6Family")
        #expect([size.vcpus, size.memoryMiB, size.gpus, size.dataDiskLimit] == [2, 768, 1, 8])
        #expect(size.hasPremiumStorage)
        #expect(size.confidentialType == "TDX")
        #expect(size.zones == ["1", "2"])
        #expect(size.restriction == nil)
    }

    @Test(
        "has the TEE that its SKU gives, or the one that its name implies when the SKU gives no known TEE",
        arguments: [
            ("Standard_DC2es_v6", "TDX", TEE.tdx), ("Standard_DC2as_v5", "SNP", .snp),
            ("Standard_DC2es_v6", "IntelTDX", .tdx), ("Standard_DC2es_v6", "Other", .tdx),
            ("Standard_NCC40ads_H100_v5", "SNP", .snp), ("Standard_X1", "Other", .none), ("Standard_D2s_v5", "", .none),
        ])
    func tee(name: String, word: String, tee: TEE) throws {
        #expect(try size(Example.sized(name, 2, 8, type: word)).tee == tee)
    }

    @Test("is not available where the subscription is restricted, in a zone or in the whole region")
    func restrictions() throws {
        func restricted(_ type: String, zones: [JSONValue]) -> JSONValue {
            [
                "type": .string(type), "values": ["eastus"], "reasonCode": "NotAvailableForSubscription",
                "restrictionInfo": ["locations": ["eastus"], "zones": .array(zones)],
            ]
        }
        let inZone = try size(Example.sku("Standard_DC2es_v6", restrictions: [restricted("Zone", zones: ["3"])]))
        #expect(inZone.zones == ["1", "2"] && inZone.restriction == nil)
        let inAll = try size(
            Example.sku("Standard_DC2es_v6", restrictions: [restricted("Zone", zones: ["1", "2", "3"])]))
        #expect(inAll.restriction == "NotAvailableForSubscription in every zone")
        let region = try size(Example.sku("Standard_DC2es_v6", restrictions: [restricted("Location", zones: [])]))
        #expect(region.restriction == "NotAvailableForSubscription")
    }

    @Test("is not made from the SKU of a disk or of another region")
    func others() throws {
        #expect(try VMSize(try JSONNode(["resourceType": "disks", "name": "Premium_LRS"]), in: "eastus") == nil)
        #expect(try VMSize(try JSONNode(Example.sku("Standard_DC2es_v6", region: "westus")), in: "eastus") == nil)
    }

    @Test("is recognised as confidential by its name when the SKU does not say")
    func byName() throws {
        let types = [
            "Standard_DC2es_v6": "TDX", "Standard_DC2eds_v6": "TDX", "Standard_EC64es_v6": "TDX",
            "Standard_DC2as_v5": "SNP", "standard_ec96ads_v5": "SNP",
        ]
        for (name, type) in types { #expect(VMSize(name: name).confidentialType == type) }
        for name in ["Standard_D2s_v5", "Standard_DC2s_v3", "Standard_E2as_v5", "DC2es", ""] {
            #expect(VMSize(name: name).confidentialType == nil)
        }
    }

    @Test("that is malformed gives an error with the place")
    func malformed() throws {
        #expect(throws: JSONError.self) {
            try Example.catalog([["resourceType": "virtualMachines", "locations": ["eastus"], "name": 3]])
        }
        let odd = try size(Example.sku("Standard_DC2es_v6", ["vCPUs": "many", "MemoryGB": "1e400"]))
        #expect(odd.vcpus == 0 && odd.memoryMiB == 0)
    }
}

@Suite("The choice of a size")
struct SizeChoiceTests {
    private func choose(
        _ wanted: Requirements, sizes: [String] = [], _ change: (inout AzureOptions) -> Void = { _ in }
    ) throws -> [String] {
        var options = Example.options
        options.instanceSizes = sizes
        change(&options)
        return try SizeChoice(options, try Example.catalog()).sizes(for: wanted).map(\.name)
    }

    private func refusal(
        _ wanted: Requirements, sizes: [String] = [], _ change: (inout AzureOptions) -> Void = { _ in }
    ) -> String {
        do {
            return "chose \(try choose(wanted, sizes: sizes, change))"
        } catch {
            return "\(error)"
        }
    }

    private let all = ["Standard_DC8es_v6 ", " Standard_DC2es_v6", "Standard_DC4es_v6", "Standard_EC2es_v6"]

    @Test("is the default when the pod gives no annotation, or the values that kata's Rust shim sends without one")
    func unset() throws {
        #expect(try choose(Requirements()) == ["Standard_DC2es_v6"])
        #expect(try choose(Requirements(vcpus: 1, memoryMiB: 2048)) == ["Standard_DC2es_v6"])
        #expect(try choose(Requirements(vcpus: 1)) == ["Standard_DC2es_v6"])
    }

    @Test("continues with the configured list in its order, without sizes that are smaller than the default")
    func fallbacks() throws {
        #expect(
            try choose(Requirements(), sizes: all) == [
                "Standard_DC2es_v6", "Standard_DC8es_v6", "Standard_DC4es_v6", "Standard_EC2es_v6",
            ])
        #expect(
            try choose(Requirements(), sizes: all) { $0.instanceSize = "Standard_DC4es_v6" } == [
                "Standard_DC4es_v6", "Standard_DC8es_v6",
            ])
    }

    @Test("is the smallest size that satisfies every given dimension, and then the next")
    func fits() throws {
        #expect(
            try choose(Requirements(vcpus: 3, memoryMiB: 1024), sizes: all) == [
                "Standard_DC4es_v6", "Standard_DC8es_v6",
            ])
        #expect(
            try choose(Requirements(memoryMiB: 9000), sizes: all) == [
                "Standard_EC2es_v6", "Standard_DC4es_v6", "Standard_DC8es_v6",
            ])
        #expect(try choose(Requirements(vcpus: 5), sizes: all) == ["Standard_DC8es_v6"])
        #expect(try choose(Requirements(vcpus: 2, memoryMiB: 8192)) == ["Standard_DC2es_v6"])
    }

    @Test("has graphics processors if the pod asks for them; for other pods such sizes come last")
    func gpus() throws {
        let sizes = all + ["Standard_NCC40ads_H100_v5"]
        #expect(try choose(Requirements(gpus: 1), sizes: sizes) == ["Standard_NCC40ads_H100_v5"])
        #expect(
            try choose(Requirements(vcpus: 8), sizes: sizes) == ["Standard_DC8es_v6", "Standard_NCC40ads_H100_v5"])
        #expect(
            refusal(Requirements(vcpus: 2, gpus: 2), sizes: sizes).hasPrefix(
                "failed to get instance type based on GPU, vCPU, and memory annotations: no instance type found for the "
                    + "given gpus (2), vcpus (2), and memory (0)"))
    }

    @Test("is the annotated machine type, whatever else is given, if that type is allowed")
    func machineType() throws {
        #expect(
            try choose(Requirements(machineType: "standard_dc4ES_v6", vcpus: 8), sizes: all) == ["Standard_DC4es_v6"])
        #expect(try choose(Requirements(machineType: "Standard_DC2es_v6")) == ["Standard_DC2es_v6"])
    }

    @Test("is refused with the Go adaptor's message and the list of allowed sizes")
    func texts() {
        #expect(
            refusal(Requirements(machineType: "Standard_DC16es_v6"), sizes: all).hasPrefix(
                "requested instance type (\"Standard_DC16es_v6\") is not part of supported instance types list "
                    + "(Standard_DC8es_v6, Standard_DC2es_v6,"))
        #expect(
            refusal(Requirements(machineType: "Standard_DC4es_v6")).hasPrefix(
                "requested instance type (\"Standard_DC4es_v6\") is not default (\"Standard_DC2es_v6\") and supported "
                    + "instance types list is empty"))
        #expect(
            refusal(Requirements(vcpus: 9, memoryMiB: 1), sizes: ["Standard_DC8es_v6", "nonsense"])
                == "failed to get instance type based on vCPU and memory annotations: no instance type found for the given "
                + "vcpus (9) and memory (1); to choose from: Standard_DC8es_v6 (8 vCPUs, 32768 MiB), nonsense (not usable)"
        )
    }

    @Test("is refused for a size that does not exist, and the error suggests similar names")
    func unknown() {
        #expect(
            refusal(Requirements()) { $0.instanceSize = "Standard_DC2se_v6" }
                == "size \"Standard_DC2se_v6\" does not exist in eastus; nearest are Standard_DC2es_v6, "
                + "Standard_DC2as_v5, Standard_DC4es_v6")
    }

    @Test("is refused for a size that is not confidential, unless confidential VMs are switched off")
    func plain() throws {
        #expect(
            refusal(Requirements()) { $0.instanceSize = "Standard_D2s_v5" }
                .hasPrefix("size Standard_D2s_v5 is not for confidential VMs; use one that is"))
        #expect(
            try choose(Requirements()) {
                $0.instanceSize = "Standard_D2s_v5"
                $0.isConfidential = false
            } == ["Standard_D2s_v5"])
    }

    @Test("needs the region's sizes only when sizes must be compared")
    func withoutCatalog() throws {
        let choice = SizeChoice(Example.options, nil)
        #expect(try choice.sizes(for: Requirements()).map(\.name) == ["Standard_DC2es_v6"])
        #expect(!SizeChoice.needsCatalog(Requirements(machineType: "x", vcpus: 4)))
        #expect(!SizeChoice.needsCatalog(Requirements(vcpus: 1, memoryMiB: 2048)))
        #expect(SizeChoice.needsCatalog(Requirements(vcpus: 4)))
    }

    @Test("gives the same result as a search through all sizes, for any numbers")
    func linear() throws {
        let sizes = try Example.catalog().all.filter { $0.confidentialType != nil }
        for vcpus in 2...9 {
            for memory in stride(from: 1024, through: 36000, by: 5000) {
                let expected = sizes.first { $0.vcpus >= vcpus && $0.memoryMiB >= memory && $0.gpus == 0 }
                let chosen = try? choose(Requirements(vcpus: vcpus, memoryMiB: memory), sizes: sizes.map(\.name)).first
                if let expected { #expect(chosen == expected.name) }
            }
        }
    }
}
