package import JSON
package import PodVMLifecycle

/// A VM size, as the resource SKUs of one region describe it.
package struct VMSize: Hashable, Sendable {
    /// Azure's name, such as `Standard_DC2es_v6`.
    package let name: String
    /// The quota family, which cannot be derived from the name: `standardDCEV6Family`.
    package var family = ""
    /// The number of virtual processors.
    package var vcpus = 0
    /// Memory in whole MiB. Azure reports GB, maybe with a fraction.
    package var memoryMiB = 0
    /// The number of GPUs.
    package var gpus = 0
    /// The maximum number of data disks.
    package var dataDiskLimit = 0
    /// Whether the size can have premium SSDs.
    package var hasPremiumStorage = true
    /// `TDX` or `SNP`; nil: not for confidential VMs.
    package var confidentialType: String?
    /// The zones of the region that have the size and that the subscription may use.
    package var zones: [String] = []
    /// Why the subscription cannot use the size in the whole region, in Azure's word; nil if it can.
    package var restriction: String?

    /// A size of which only the name is known.
    package init(name: String) {
        self.name = name
        confidentialType = VMSize.confidentialType(byName: name)
    }

    /// An element of the SKUs' list; nil if it is not a VM size of `region`.
    package init?(_ sku: JSONNode, in region: String) throws(JSONError) {
        guard try sku.optionalString("resourceType")?.lowercased() == "virtualmachines" else { return nil }
        let region = region.folded
        let places = try sku.optionalObjects("locationInfo") ?? []
        var zones: [String]?
        for place in places where try place.optionalString("location")?.folded == region {
            zones = try place.optionalStrings("zones") ?? []
        }
        let isListed = try sku.optionalStrings("locations")?.contains { $0.folded == region } ?? false
        guard zones != nil || isListed else { return nil }
        self.init(name: try sku.resourceName("name"))
        family = LogText.sanitized(try sku.optionalString("family") ?? "", limit: 100)
        self.zones = zones ?? []
        try take(capabilities: try sku.optionalObjects("capabilities") ?? [])
        try take(restrictions: try sku.optionalObjects("restrictions") ?? [], in: region)
        self.zones.sort()
    }

    private mutating func take(capabilities: [JSONNode]) throws(JSONError) {
        for capability in capabilities {
            guard let value = try capability.optionalString("value") else { continue }
            switch try capability.optionalString("name")?.lowercased() {
            case "vcpus": vcpus = Int(value) ?? 0
            // A constrained size disables some processors; only the available processors count.
            case "vcpusavailable": vcpus = Int(value).map { vcpus == 0 ? $0 : min($0, vcpus) } ?? vcpus
            case "memorygb": memoryMiB = VMSize.mebibytes(gibibytes: value) ?? 0
            case "gpus": gpus = Int(value) ?? 0
            case "maxdatadiskcount": dataDiskLimit = Int(value) ?? 0
            case "premiumio": hasPremiumStorage = value.lowercased() == "true"
            case "confidentialcomputingtype": confidentialType = value
            default: break
            }
        }
    }

    private mutating func take(restrictions: [JSONNode], in region: String) throws(JSONError) {
        for found in restrictions {
            let reason = LogText.sanitized(try found.optionalString("reasonCode") ?? "restricted", limit: 100)
            let where_ = try found.optionalObject("restrictionInfo")
            var places = try where_?.optionalStrings("locations") ?? []
            switch try found.optionalString("type")?.lowercased() {
            case "location":
                if places.isEmpty { places = try found.optionalStrings("values") ?? [] }
                if places.contains(where: { $0.folded == region }) { restriction = reason }
            case "zone":
                guard places.isEmpty || places.contains(where: { $0.folded == region }) else { continue }
                let closed = try where_?.optionalStrings("zones") ?? []
                let had = zones
                zones.removeAll(where: closed.contains)
                // A region without zones differs from a size that may be used in none of its zones.
                if zones.isEmpty, !had.isEmpty { restriction = "\(reason) in every zone" }
            default: continue
            }
        }
    }

    private static func mebibytes(gibibytes: String) -> Int? {
        guard let number = Double(gibibytes), number.isFinite, 0..<1e9 ~= number else { return nil }
        return Int((number * 1024).rounded(.down))
    }

    /// By Azure's naming of sizes: DC and EC are confidential, and `a` for AMD means SNP.
    ///
    /// For use when the SKUs cannot be read, or do not name the technology: no recorded answer has their word for TDX.
    static func confidentialType(byName name: String) -> String? {
        let parts = name.lowercased().split(separator: "_")
        guard parts.count >= 2, parts[0] == "standard" else { return nil }
        var letters = parts[1]
        guard letters.hasPrefix("dc") || letters.hasPrefix("ec") else { return nil }
        letters.removeFirst(2)
        letters = letters.drop { $0.isNumber }
        if letters.hasPrefix("as") || letters.hasPrefix("ads") { return "SNP" }
        if letters.hasPrefix("es") || letters.hasPrefix("eds") { return "TDX" }
        return nil
    }
}

extension VMSize {
    /// Whether the size has at least these resources.
    package func fits(vcpus: Int?, memoryMiB: Int?, gpus: Int?) -> Bool {
        self.vcpus >= vcpus ?? 0 && self.memoryMiB >= memoryMiB ?? 0 && self.gpus >= gpus ?? 0
    }

    /// Orders by size, the smaller first. A total order: the name decides last.
    static func isSmaller(_ one: VMSize, _ other: VMSize) -> Bool {
        (one.vcpus, one.memoryMiB, one.gpus, one.name) < (other.vcpus, other.memoryMiB, other.gpus, other.name)
    }
}

extension VMSize {
    /// The technology of its VMs when they are created as confidential VMs.
    ///
    /// For an unknown value of the SKUs the name decides, as in Azure's documentation.
    package var tee: TEE {
        for word in [confidentialType, VMSize.confidentialType(byName: name)] {
            guard let word = word?.lowercased() else { continue }
            if word.contains("tdx") { return .tdx }
            if word.contains("snp") { return .snp }
        }
        return .none
    }
}
