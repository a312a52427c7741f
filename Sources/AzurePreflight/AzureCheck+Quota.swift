internal import AzureProvider
internal import JSON
internal import Preflight

extension AzureCheck {
    /// One limit of a subscription in a region.
    private struct Usage {
        var name: String
        var label: String
        var used: Int64
        var limit: Int64

        init(_ node: JSONNode) throws(JSONError) {
            let names = try node.object("name")
            name = try names.string("value")
            label = try names.optionalString("localizedValue") ?? name
            // Whole numbers, which some of Azure's answers write with a decimal point.
            used = Int64(clamping: try node.number("currentValue"))
            limit = Int64(clamping: try node.number("limit"))
        }

        var room: Int64 { max(0, limit - used) }
    }

    func checkQuota(for size: VMSize) async throws(ReadFailure) -> [Finding] {
        var findings = [
            judge(
                try await usages(account.inRegion("Microsoft.Compute", "usages"), apiVersion: APIVersion.compute),
                costs: [(size.family, size.vcpus), ("cores", size.vcpus), ("virtualMachines", 1)],
                each: "\(size.name)")
        ]
        if options.usesPublicIP {
            findings.append(
                judge(
                    try await usages(account.inRegion("Microsoft.Network", "usages"), apiVersion: APIVersion.network),
                    costs: [("PublicIPAddresses", 1), ("StandardSkuPublicIpAddresses", 1)], each: "public addresses"))
        }
        return findings
    }

    private func usages(_ path: String, apiVersion: String) async throws(ReadFailure) -> [Usage] {
        let nodes = try await list(path, apiVersion: apiVersion)
        return try Self.read { () throws(JSONError) in
            var usages: [Usage] = []
            for node in nodes { usages.append(try Usage(node)) }
            return usages
        }
    }

    private func judge(_ usages: [Usage], costs: [(name: String, count: Int)], each: String) -> Finding {
        var tightest: (room: Int64, usage: Usage)?
        for (name, count) in costs where count > 0 {
            guard let usage = usages.first(where: { $0.name.lowercased() == name.lowercased() }) else { continue }
            let room = usage.room / Int64(count)
            if tightest.map({ room < $0.room }) ?? true { tightest = (room, usage) }
        }
        guard let (room, usage) = tightest else {
            return Finding("quota", .unknown, "Azure reports no limit for \(each)")
        }
        let text = "\(usage.label): \(usage.used) of \(usage.limit) used, room for \(room) more \(each)"
        if room >= situation.pods { return Finding("quota", .ok, text) }
        return Finding(
            "quota", .failed, "\(text), not for \(situation.pods)",
            advice: "ask for a higher quota of \(usage.label) in \(options.region), or delete what is not needed there")
    }
}

extension Int64 {
    /// The whole number nearest to zero from `number`; the end of the range for a number outside of it.
    fileprivate init(clamping number: Double) {
        self = number.isNaN ? 0 : Int64(exactly: number.rounded(.towardZero)) ?? (number < 0 ? .min / 2 : .max / 2)
    }
}
