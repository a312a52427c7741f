internal import AzureProvider
internal import JSON

/// One rule of a network security group.
struct SecurityRule: Equatable {
    enum Direction: String { case inbound, outbound }

    var name: String
    /// A rule with a lower number comes first.
    var priority: Int64
    var direction: Direction
    var allows: Bool
    /// `tcp`, `udp`, `icmp`, `esp`, `ah` or `*`.
    var `protocol`: String
    var sources: [String]
    var destinations: [String]
    var sourcePorts: [String]
    var destinationPorts: [String]
    /// Whether the rule refers to application security groups, whose members only network interfaces name.
    var hasSourceGroups: Bool
    var hasDestinationGroups: Bool

    init(_ node: JSONNode) throws(JSONError) {
        let properties = try node.object("properties")
        let way = try properties.string("direction").lowercased()
        guard let direction = Direction(rawValue: way) else {
            throw JSONError(path: properties.path(of: "direction"), "expected Inbound or Outbound")
        }
        name = try node.optionalString("name") ?? "a rule without a name"
        priority = try properties.integer("priority")
        self.direction = direction
        allows = try properties.string("access").lowercased() == "allow"
        `protocol` = try properties.string("protocol").lowercased()
        sources = try Self.texts(properties, "sourceAddressPrefix", "sourceAddressPrefixes")
        destinations = try Self.texts(properties, "destinationAddressPrefix", "destinationAddressPrefixes")
        sourcePorts = try Self.texts(properties, "sourcePortRange", "sourcePortRanges")
        destinationPorts = try Self.texts(properties, "destinationPortRange", "destinationPortRanges")
        hasSourceGroups = try properties.optionalArray("sourceApplicationSecurityGroups")?.isEmpty == false
        hasDestinationGroups = try properties.optionalArray("destinationApplicationSecurityGroups")?.isEmpty == false
    }

    /// ARM has one property for a single value and another for several values. It fills one of them, or both with one
    /// empty.
    private static func texts(_ node: JSONNode, _ one: String, _ many: String) throws(JSONError) -> [String] {
        let single = try node.optionalString(one) ?? ""
        return try (node.optionalStrings(many) ?? []) + (single.isEmpty ? [] : [single])
    }
}

/// A network security group's rules, including the default rules of every group.
struct SecurityRules: Equatable {
    /// The rules in the order of evaluation.
    private var rules: [SecurityRule] = []

    init(_ group: JSONNode) throws(JSONError) {
        let properties = try group.object("properties")
        let nodes =
            try (properties.optionalObjects("securityRules") ?? [])
            + (properties.optionalObjects("defaultSecurityRules") ?? [])
        for node in nodes { rules.append(try SecurityRule(node)) }
        rules.sort { $0.priority < $1.priority }
    }

    /// The verdict of the rules on a packet.
    enum Verdict: Equatable {
        case allowed(by: String)
        case denied(by: String)
        /// Not decided, because an address is unknown. `at` is the first rule that depends on that address.
        case undecided(at: String)
    }

    /// The first rule that matches decides; if none matches, the packet is dropped.
    func verdict(on packet: Packet) -> Verdict {
        // A rule that may match does not matter if the rules after it decide the same.
        var doubtful: SecurityRule?
        for rule in rules where rule.direction == packet.direction {
            let match = packet.matches(rule)
            if match == .no { continue }
            if let doubtful, doubtful.allows != rule.allows { return .undecided(at: doubtful.name) }
            if match == .yes { return rule.allows ? .allowed(by: rule.name) : .denied(by: rule.name) }
            doubtful = doubtful ?? rule
        }
        if let doubtful, doubtful.allows { return .undecided(at: doubtful.name) }
        return .denied(by: "the end of the rules")
    }
}

extension SecurityRules.Verdict {
    /// Nil when undecided.
    var isAllowed: Bool? {
        switch self {
        case .allowed: true
        case .denied: false
        case .undecided: nil
        }
    }
}
