internal import AzureProvider
internal import HTTPTransport
internal import JSON
internal import Preflight

extension AzureCheck {
    /// Checks the network's region, its distance from the node, and the permissions of its security groups.
    func checkPlace(_ networkID: ResourceID, of subnet: Subnet) async throws(ReadFailure) -> [Finding] {
        let node = try await get(networkID.description, apiVersion: APIVersion.network)
        let (place, ranges) = try Self.read { () throws(JSONError) in
            (try node.string("location"), try Self.addresses(of: node))
        }
        guard options.region.isEmpty || place.folded == options.region.folded else {
            return [
                Finding(
                    "subnet", .failed, "the virtual network \(networkID.name) is in \(place), not in \(options.region)",
                    advice: "choose a subnet in \(options.region): a VM's interface is where its network is")
            ]
        }
        let here = await nodeAddress()
        var findings: [Finding] = []
        if case .address(let address)? = here, !options.usesPublicIP, !ranges.contains(where: { $0.contains(address) })
        {
            findings.append(
                Finding(
                    "node", .warning,
                    "this node's address \(address) is neither in \(networkID.name) nor in a network that is its peer",
                    advice: "check that the node reaches the subnet in another way, such as a VPN or a hub"))
        }
        return await findings + checkGroups(of: subnet, ranges, node: here)
    }

    private func checkGroups(of subnet: Subnet, _ network: [IPv4Range], node: Packet.Peer?) async -> [Finding] {
        var ids: [String] = []
        for id in [options.securityGroupID, subnet.securityGroup ?? ""]
        where !id.isEmpty && !ids.contains(where: { $0.lowercased() == id.lowercased() }) { ids.append(id) }
        if ids.isEmpty {
            if options.usesPublicIP {
                return [
                    Finding(
                        "security", .failed,
                        "a Standard public address lets nothing in without a network security group",
                        advice: "configure a group that allows inbound tcp/\(situation.forwarderPort) in with "
                            + AzureOptions.name("securitygroupid"))
                ]
            }
            return [Finding("security", .ok, "no network security group filters the traffic between node and pod VMs")]
        }
        let peer = options.usesPublicIP ? Packet.Peer.internet : node ?? .inNetwork
        let packets = [
            (
                "the agent's connection, tcp/\(situation.forwarderPort) from the node", SecurityRule.Direction.inbound,
                "tcp",
                situation.forwarderPort
            ),
            ("pods' packets, udp/\(situation.vxlanPort) (VXLAN) from the node", .inbound, "udp", situation.vxlanPort),
            ("pods' packets, udp/\(situation.vxlanPort) (VXLAN) to the node", .outbound, "udp", situation.vxlanPort),
        ].map { what, direction, kind, port in
            (
                what,
                Packet(
                    direction: direction, protocol: kind, port: port, peer: peer, subnet: subnet.ranges,
                    network: network)
            )
        }
        var findings: [Finding] = []
        for id in ids {
            let name = ResourceID(id)?.name ?? id
            let topic = Topic("security", "the security group \(name)", flag: "securitygroupid")
            findings += await ask(topic) { () throws(ReadFailure) in
                let node = try await get(id, apiVersion: APIVersion.network)
                let rules = try Self.read { () throws(JSONError) in try SecurityRules(node) }
                let found = packets.compactMap { what, packet in Self.judge(what, rules.verdict(on: packet), in: name) }
                return found.isEmpty
                    ? [Finding("security", .ok, "\(name) allows the traffic between node and pod VMs")] : found
            }
        }
        return findings
    }

    /// Nil when the packet passes.
    private static func judge(_ what: String, _ verdict: SecurityRules.Verdict, in group: String) -> Finding? {
        switch verdict {
        case .allowed: nil
        case .denied(let rule):
            Finding(
                "security", .failed, "\(group) drops \(what), by \(rule)",
                advice: "add a rule that allows it, with a lower priority number than \(rule)")
        case .undecided(let rule):
            Finding(
                "security", .unknown, "whether \(group) lets \(what) pass depends on the addresses that \(rule) means",
                advice: "check that rule; give the node's address with peerpodctl check azure -node-address")
        }
    }

    /// The addresses of the network and of its peers.
    private static func addresses(of network: JSONNode) throws(JSONError) -> [IPv4Range] {
        let properties = try network.object("properties")
        var prefixes = try properties.optionalObject("addressSpace")?.optionalStrings("addressPrefixes") ?? []
        for peering in try properties.optionalObjects("virtualNetworkPeerings") ?? [] {
            let peer = try peering.optionalObject("properties")
            guard try peer?.optionalString("peeringState")?.lowercased() == "connected" else { continue }
            for space in ["remoteVirtualNetworkAddressSpace", "remoteAddressSpace"] {
                prefixes += try peer?.optionalObject(space)?.optionalStrings("addressPrefixes") ?? []
            }
        }
        return prefixes.compactMap { IPv4Range($0) }
    }

    /// This node's address, from the settings or from the metadata service; nil when neither has it.
    private func nodeAddress() async -> Packet.Peer? {
        if let address = IPv4Range(situation.nodeAddress) { return .address(address) }
        var request = OutgoingRequest(
            "GET",
            "\(options.metadataEndpoint)/metadata/instance/network?api-version=2021-12-13",
            headers: ["Metadata": "true", "Accept": "application/json"])
        request.timeLimit = .seconds(2)
        request.responseLimit = 256 << 10
        // The metadata service is on this host's link; a proxy would return another host's data.
        request.usesProxy = false
        guard let answer = try? await sender.send(request), answer.status == 200,
            let node = try? JSONNode(JSONValue(parsing: answer.body)),
            let address = try? node.objects("interface").first?.object("ipv4").objects("ipAddress").first?
                .string("privateIpAddress")
        else { return nil }
        return IPv4Range(address).map(Packet.Peer.address)
    }
}
