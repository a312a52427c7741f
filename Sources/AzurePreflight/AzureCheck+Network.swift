internal import AzureProvider
internal import JSON
internal import Preflight

extension AzureCheck {
    /// The subnet and those resources that refer to it and could be read.
    struct Subnet {
        var id: ResourceID
        var ranges: [IPv4Range] = []
        var used = 0
        var hasGateway = false
        var routes: String?
        var securityGroup: String?
        /// Whether Azure gives outbound access to VMs without a public address or gateway; nil: the answer does not say.
        var hasDefaultWayOut: Bool?
        var delegations: [String] = []

        init(_ id: ResourceID, _ node: JSONNode) throws(JSONError) {
            self.id = id
            let properties = try node.object("properties")
            var prefixes = try properties.optionalStrings("addressPrefixes") ?? []
            if let prefix = try properties.optionalString("addressPrefix") { prefixes.append(prefix) }
            for range in prefixes.compactMap({ IPv4Range($0) }) where !ranges.contains(range) { ranges.append(range) }
            used = try properties.optionalArray("ipConfigurations")?.count ?? 0
            hasGateway = try properties.optionalObject("natGateway") != nil
            routes = try properties.optionalObject("routeTable")?.string("id")
            securityGroup = try properties.optionalObject("networkSecurityGroup")?.string("id")
            hasDefaultWayOut = try properties.optionalBool("defaultOutboundAccess")
            for delegation in try properties.optionalObjects("delegations") ?? [] {
                delegations.append(
                    try delegation.optionalObject("properties")?.optionalString("serviceName") ?? "a service")
            }
        }
    }

    func checkNetwork() async throws(ReadFailure) -> [Finding] {
        guard let id = ResourceID(options.subnetID), let networkID = id.parent else { return [] }
        let node = try await get(id.description, apiVersion: APIVersion.network)
        let subnet = try Self.read { () throws(JSONError) in try Subnet(id, node) }
        let network = Topic("subnet", "the virtual network \(networkID.name)", flag: "subnetid")
        async let room = ask(Topic("subnet", "the addresses in use", flag: "subnetid")) { () throws(ReadFailure) in
            try await checkRoom(in: subnet)
        }
        async let place = ask(network) { () throws(ReadFailure) in try await checkPlace(networkID, of: subnet) }
        async let wayOut = ask(Topic("outbound", "the subnet's routes", flag: "subnetid")) { () throws(ReadFailure) in
            [try await checkWayOut(of: subnet)]
        }
        return await room + place + wayOut
    }

    private func checkRoom(in subnet: Subnet) async throws(ReadFailure) -> [Finding] {
        if let service = subnet.delegations.first {
            return [
                Finding(
                    "subnet", .failed, "\(subnet.id.name) is delegated to \(service), so that no VM can join it",
                    advice: "use a subnet that is for VMs only")
            ]
        }
        let (free, limit) = try await addresses(in: subnet)
        let prefixes = subnet.ranges.map(\.description).joined(separator: ", ")
        let text = "\(subnet.id.name) (\(prefixes)) has \(free) of \(limit) addresses free"
        if free >= situation.pods { return [Finding("subnet", .ok, text)] }
        return [
            Finding(
                "subnet", .failed, "\(text), too few for \(situation.pods) more pods",
                advice: "choose a larger subnet with \(AzureOptions.name("subnetid")), or free some")
        ]
    }

    /// The addresses that Azure reports. Without a report they are counted here: Azure reserves five addresses of each
    /// prefix.
    private func addresses(in subnet: Subnet) async throws(ReadFailure) -> (free: Int64, limit: Int64) {
        if let network = subnet.id.parent,
            let usages = try? await list("\(network)/usages", apiVersion: APIVersion.network)
        {
            for usage in usages
            where (try? usage.optionalString("id"))?.lowercased() == subnet.id.description.lowercased() {
                guard let used = try? usage.number("currentValue"), let limit = try? usage.number("limit"),
                    (0...4e9).contains(used), (0...4e9).contains(limit)
                else { break }
                return (Int64(max(0, limit - used)), Int64(limit))
            }
        }
        let limit = subnet.ranges.reduce(0) { $0 + max(0, $1.count - 5) }
        return (Int64(max(0, limit - subnet.used)), Int64(limit))
    }

    /// Checks how pod VMs reach image registries and the attestation service.
    private func checkWayOut(of subnet: Subnet) async throws(ReadFailure) -> Finding {
        if options.usesPublicIP { return Finding("outbound", .ok, "each pod VM has a public address of its own") }
        if let table = subnet.routes.flatMap({ ResourceID($0) }) {
            let node = try await get(table.description, apiVersion: APIVersion.network)
            let hop = try Self.read { () throws(JSONError) in try Self.defaultHop(node) }
            switch hop?.lowercased() {
            case "none":
                return Finding(
                    "outbound", .failed, "the route table \(table.name) drops what goes to the Internet",
                    advice: "give 0.0.0.0/0 another next hop there, if pods' images come from outside")
            case "virtualappliance", "virtualnetworkgateway":
                return Finding("outbound", .ok, "by the route table \(table.name), to \(hop ?? "")")
            default: break
            }
        }
        if subnet.hasGateway { return Finding("outbound", .ok, "by the subnet's NAT gateway") }
        let advice = "give the subnet a NAT gateway, or its route table a default route to a firewall"
        if subnet.hasDefaultWayOut == false {
            return Finding(
                "outbound", .warning,
                "\(subnet.id.name) is a private subnet without a NAT gateway: pod VMs reach nothing outside of their network",
                advice: "\(advice), unless all that pods need is in the network")
        }
        return Finding(
            "outbound", .warning,
            "\(subnet.id.name) has only Azure's default outbound access, whose addresses may change at any time",
            advice: advice)
    }

    /// The next hop of the most general route of a table.
    private static func defaultHop(_ table: JSONNode) throws(JSONError) -> String? {
        for route in try table.object("properties").optionalObjects("routes") ?? [] {
            let properties = try route.object("properties")
            if ["0.0.0.0/0", "Internet"].contains(try properties.optionalString("addressPrefix") ?? "") {
                return try properties.string("nextHopType")
            }
        }
        return nil
    }
}
