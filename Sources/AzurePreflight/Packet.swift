internal import AzureProvider

/// A packet between the node and a pod VM, with the properties that security rules match.
struct Packet {
    /// The direction as seen from the pod VM, to which the security groups belong.
    var direction: SecurityRule.Direction
    /// `tcp` or `udp`.
    var `protocol`: String
    /// The destination port; the source port is any.
    var port: Int
    /// The other end of the connection.
    var peer: Peer
    /// The addresses of pod VMs.
    var subnet: [IPv4Range]
    /// The meaning of `VirtualNetwork`: the network's addresses and those of its peers.
    var network: [IPv4Range]

    enum Peer: Equatable {
        case address(IPv4Range)
        /// An unknown address in the virtual network.
        case inNetwork
        /// An address on the Internet.
        case internet
    }

    enum Match: Equatable {
        case yes, no, maybe

        static func && (one: Match, other: Match) -> Match {
            if one == .no || other == .no { return .no }
            return one == .yes && other == .yes ? .yes : .maybe
        }

        /// Whether at least one of several matches.
        static func any(_ matches: some Sequence<Match>) -> Match {
            var result = Match.no
            for match in matches where match != .no {
                if match == .yes { return .yes }
                result = .maybe
            }
            return result
        }
    }

    func matches(_ rule: SecurityRule) -> Match {
        guard rule.protocol == "*" || rule.protocol == `protocol` else { return .no }
        let isInbound = direction == .inbound
        let ports: Match = rule.destinationPorts.contains { Self.range($0)?.contains(port) == true } ? .yes : .no
        // The kernel chooses the source port.
        let sourcePorts: Match = rule.sourcePorts.contains { Self.range($0) == 0...65535 } ? .yes : .maybe
        let theirs = isInbound ? rule.sources : rule.destinations
        let ours = isInbound ? rule.destinations : rule.sources
        // Pod VMs are in no application security group; the node may be in any.
        let theirGroups: Match = (isInbound ? rule.hasSourceGroups : rule.hasDestinationGroups) ? .maybe : .no
        return ports && sourcePorts && .any(theirs.map(matchesPeer) + [theirGroups]) && .any(ours.map(matchesPodVM))
    }

    private func matchesPodVM(_ prefix: String) -> Match {
        switch prefix.lowercased() {
        case "*", "any", "virtualnetwork": return .yes
        default:
            guard let range = IPv4Range(prefix) else { return .no }
            if subnet.isEmpty { return .maybe }
            if subnet.allSatisfy(range.contains) { return .yes }
            return subnet.contains(where: range.overlaps) ? .maybe : .no
        }
    }

    private func matchesPeer(_ prefix: String) -> Match {
        switch (prefix.lowercased(), peer) {
        case ("*", _), ("any", _): return .yes
        case ("virtualnetwork", .inNetwork), ("internet", .internet): return .yes
        case ("virtualnetwork", .internet), ("internet", .inNetwork), ("azureloadbalancer", _): return .no
        case ("virtualnetwork", .address(let address)): return isInNetwork(address)
        case ("internet", .address(let address)):
            let inside = isInNetwork(address)
            return inside == .yes ? .no : inside == .no ? .yes : .maybe
        case (_, .internet), (_, .inNetwork):
            guard let range = IPv4Range(prefix) else { return .maybe }
            if range.length == 0 { return .yes }
            // The prefix of a whole network contains the node, too.
            if peer == .inNetwork, !network.isEmpty, network.allSatisfy(range.contains) { return .yes }
            if peer == .inNetwork, !network.isEmpty, !network.contains(where: range.overlaps) { return .no }
            return range.isPrivate && peer == .internet ? .no : .maybe
        case (_, .address(let address)):
            // Other service tags stand for addresses of Azure's services. No node has such an address, but a public
            // address may be one.
            guard let range = IPv4Range(prefix) else { return address.isPrivate || prefix.contains(":") ? .no : .maybe }
            return range.contains(address) ? .yes : .no
        }
    }

    /// Whether the address is in the network. A private address outside of the known ranges may be in a network that is
    /// connected in another way.
    private func isInNetwork(_ address: IPv4Range) -> Match {
        network.contains { $0.contains(address) } ? .yes : address.isPrivate ? .maybe : .no
    }

    /// `*`, `80` or `1024-2047`.
    static func range(_ text: String) -> ClosedRange<Int>? {
        if text == "*" { return 0...65535 }
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard (1...2).contains(ends.count), let low = ends[0], let high = ends[ends.count - 1], low <= high, low >= 0
        else { return nil }
        return low...high
    }
}
