internal import AzureProvider
internal import JSON
internal import Preflight

extension AzureCheck {
    func checkSubscription() async throws(ReadFailure) -> [Finding] {
        let node = try await get(account.subscription, apiVersion: "2022-12-01")
        let (name, state) = try Self.read { () throws(JSONError) in
            (try node.optionalString("displayName") ?? "without a name", try node.string("state"))
        }
        let text = "\"\(name)\" (\(account.subscriptionID)) is \(state)"
        switch state.lowercased() {
        case "enabled": return [Finding("subscription", .ok, text)]
        case "warned", "pastdue":
            return [
                Finding(
                    "subscription", .warning, text, advice: "ask its owner to pay its bills, before Azure disables it")
            ]
        default:
            return [Finding("subscription", .failed, text, advice: "have its owner enable it, or choose another one")]
        }
    }

    func checkRegion() async throws(ReadFailure) -> [Finding] {
        guard !options.region.isEmpty else { return [] }
        let nodes = try await list("\(account.subscription)/locations", apiVersion: "2022-12-01")
        let names = try Self.read { () throws(JSONError) in
            var names: [String] = []
            for node in nodes { names.append(try node.string("name")) }
            return names
        }
        if names.contains(where: { $0.folded == options.region.folded }) {
            return [Finding("region", .ok, options.region)]
        }
        let near = names.filter { $0.hasPrefix(options.region.prefix(4)) }.sorted().prefix(5)
        let advice =
            near.isEmpty ? "az account list-locations shows those that there are" : near.joined(separator: ", ")
        return [
            Finding(
                "region", .failed, "the subscription has no region called \(options.region)",
                advice: "correct \(AzureOptions.name("region")): \(advice)")
        ]
    }

    func checkGroup() async throws(ReadFailure) -> [Finding] {
        guard !options.resourceGroup.isEmpty else { return [] }
        let node = try await get(account.group, apiVersion: "2021-04-01")
        let (place, state) = try Self.read { () throws(JSONError) in
            (
                try node.string("location"),
                try node.optionalObject("properties")?.optionalString("provisioningState") ?? "Succeeded"
            )
        }
        guard state.lowercased() == "succeeded" else {
            return [
                Finding(
                    "group", .failed, "the resource group \(options.resourceGroup) is \(state)",
                    advice: "wait until that is over, or choose another one")
            ]
        }
        return [Finding("group", .ok, "\(options.resourceGroup), in \(place)")]
    }
}
