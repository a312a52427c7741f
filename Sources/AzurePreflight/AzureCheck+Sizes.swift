internal import AzureProvider
internal import JSON
internal import Preflight

extension AzureCheck {
    /// Checks the sizes. Also checks the quota, which depends on the sizes.
    func checkSizes() async throws(ReadFailure) -> [Finding] {
        guard !options.region.isEmpty else { return [] }
        let nodes = try await list(
            account.inSubscription("Microsoft.Compute/skus"), apiVersion: APIVersion.sizes,
            query: [(name: "$filter", value: "location eq '\(options.region)'")])
        let catalog = try Self.read { () throws(JSONError) in try SizeCatalog(nodes, in: options.region) }
        var names = [options.instanceSize]
        for name in options.choosesSizes ? [] : options.instanceSizes
        where !names.contains(where: { $0.lowercased() == name.lowercased() }) {
            names.append(name)
        }
        let findings = names.enumerated().flatMap { check($1, isDefault: $0 == 0, in: catalog) }
        guard let size = catalog[options.instanceSize], size.restriction == nil else { return findings }
        let quota = Topic("quota", "the quota in \(options.region)", flag: "region")
        return await findings + ask(quota) { () throws(ReadFailure) in try await checkQuota(for: size) }
    }

    private func check(_ name: String, isDefault: Bool, in catalog: SizeCatalog) -> [Finding] {
        // A size that only some pods request is missing only for those pods.
        let bad = isDefault ? Finding.Verdict.failed : .warning
        let flag = AzureOptions.name(isDefault ? "instance-size" : "instance-sizes")
        guard let size = catalog[name] else {
            let near = catalog.nearest(to: name, isConfidential: options.isConfidential).joined(separator: ", ")
            return [
                Finding(
                    "size", bad, "\(options.region) has no \(name)",
                    advice: "correct \(flag)" + (near.isEmpty ? "" : "; there are \(near)"))
            ]
        }
        if let restriction = size.restriction {
            return [
                Finding(
                    "size", bad, "\(size.name) is closed to this subscription in \(options.region): \(restriction)",
                    advice: "ask Azure's support for access to it, or choose another size or region with \(flag)")
            ]
        }
        if options.isConfidential, size.confidentialType == nil {
            return [
                Finding(
                    "size", bad, "\(size.name) does not support confidential VMs",
                    advice: "choose one such as Standard_DC2es_v6 (TDX) with \(flag)")
            ]
        }
        let kind = options.isConfidential ? size.confidentialType ?? "" : "not confidential"
        let text = "\(size.name): \(size.vcpus) vCPUs, \(size.memoryMiB) MiB, \(kind)"
        let missing = options.zones.filter { !size.zones.contains($0) }
        if missing.isEmpty {
            let zones = size.zones.isEmpty ? "no zones" : "zones \(size.zones.joined(separator: ", "))"
            return [Finding("size", .ok, "\(text), \(zones)")]
        }
        let places = size.zones.isEmpty ? "in no zone" : "only in \(size.zones.joined(separator: ", "))"
        return [
            Finding(
                "size", missing.count == options.zones.count ? bad : .warning,
                "\(text), but not in zone \(missing.joined(separator: ", ")); it is \(places)",
                advice: "correct \(AzureOptions.name("zone")), or leave it out")
        ]
    }
}
