internal import JSON
internal import PodNetwork

extension PodNetworkDescription {
    /// Reads `pod-network`, and checks that the guest can use each value.
    init(reading node: JSONNode) throws(JSONError) {
        let type = try node.optionalString("tunnel-type") ?? ""
        guard type == Self.tunnelType else {
            throw JSONError(
                path: node.path(of: "tunnel-type"), "expected \"\(Self.tunnelType)\", found \(type.shown)")
        }
        self.init(
            podAddress: try node.parsed("podip", "an address with its prefix length") { NetPrefix(unmapping: $0) },
            hardwareAddress: try node.parsed("pod-hw-addr", "an Ethernet address") { LinkAddress($0) },
            interface: try node.interfaceName("interface"),
            nodeAddress: try node.parsed("worker-node-ip", "an address with its prefix length") {
                NetPrefix(unmapping: $0)
            },
            mtu: try node.integer("mtu", in: 0...65_535))
        for route in try node.optionalObjects("routes") ?? [] { routes.append(try Route(reading: route)) }
        for entry in try node.optionalObjects("neighbors") ?? [] { neighbors.append(try Neighbor(reading: entry)) }
        for text in try node.optionalStrings("addresses") ?? [] {
            guard let address = NetPrefix(unmapping: text) else {
                throw JSONError(
                    path: node.path(of: "addresses"),
                    "expected addresses with their prefix lengths, found \(text.shown)")
            }
            addresses.append(address)
        }
        for route in try node.optionalObjects("further-routes") ?? [] {
            furtherRoutes.append(try Route(reading: route))
        }
        for entry in try node.optionalObjects("further-neighbors") ?? [] {
            furtherNeighbors.append(try Neighbor(reading: entry))
        }
        tunnelMTU = try node.integer("tunnel-mtu", in: 0...65_535)
        index = try node.integer("index", in: 0...Int(Int32.max))
        vxlanPort = try node.integer("vxlan-port", in: 0...65_535)
        vxlanID = try node.integer("vxlan-id", in: 0...0xFF_FFFF)
        isDedicated = try node.optionalBool("dedicated") ?? false
        isExternalThroughVM = try node.optionalBool("external-net-via-pod-vm") ?? false
    }

    var json: JSONValue {
        var object = JSONObject([
            ("podip", .string("\(podAddress)")), ("pod-hw-addr", .string("\(hardwareAddress)")),
            ("interface", .string(interface)), ("worker-node-ip", .string("\(nodeAddress)")),
            ("tunnel-type", .string(Self.tunnelType)), ("routes", .array(routes.map(\.json))),
            ("neighbors", .array(neighbors.map(\.json))), ("mtu", .integer(Int64(mtu))),
            ("index", .integer(Int64(index))),
        ])
        if vxlanPort != 0 { object["vxlan-port"] = .integer(Int64(vxlanPort)) }
        if vxlanID != 0 { object["vxlan-id"] = .integer(Int64(vxlanID)) }
        object["dedicated"] = .bool(isDedicated)
        object["external-net-via-pod-vm"] = .bool(isExternalThroughVM)
        if !addresses.isEmpty { object["addresses"] = .array(addresses.map { .string("\($0)") }) }
        if !furtherRoutes.isEmpty { object["further-routes"] = .array(furtherRoutes.map(\.json)) }
        if !furtherNeighbors.isEmpty { object["further-neighbors"] = .array(furtherNeighbors.map(\.json)) }
        if tunnelMTU != 0 { object["tunnel-mtu"] = .integer(Int64(tunnelMTU)) }
        return .object(object)
    }
}

extension PodNetworkDescription.Route {
    fileprivate init(reading node: JSONNode) throws(JSONError) {
        self.init(
            to: try node.optionalParsed("dst", "an address with its prefix length") { NetPrefix(unmapping: $0) },
            through: try node.optionalParsed("gw", "an address") { NetAddress(unmapping: $0) })
        device = try node.optionalString("dev")?.isEmpty == false ? node.interfaceName("dev") : ""
        `protocol` = try node.optionalParsed("protocol", "static, boot, dhcp or kernel") {
            PodNetworkDescription.RouteProtocol(rawValue: $0)
        }
        scope =
            try node.optionalParsed("scope", "universe, site, link, host or nowhere") {
                PodNetworkDescription.RouteScope(rawValue: $0)
            } ?? .universe
        origin = UInt8(try node.integer("origin", in: 0...255))
        priority = UInt32(try node.integer("priority", in: 0...Int(UInt32.max)))
        source = try node.optionalParsed("source", "an address") { NetAddress(unmapping: $0) }
        isOnLink = try node.optionalBool("onlink") ?? false
        mtu = try node.integer("mtu", in: 0...65_535)
    }

    fileprivate var json: JSONValue {
        var object = JSONObject([
            ("dst", .string(destination?.description ?? "")), ("gw", .string(gateway?.description ?? "")),
        ])
        if !device.isEmpty { object["dev"] = .string(device) }
        if let `protocol` { object["protocol"] = .string(`protocol`.rawValue) }
        if scope != .universe { object["scope"] = .string(scope.rawValue) }
        if origin != 0 { object["origin"] = .integer(Int64(origin)) }
        if priority != 0 { object["priority"] = .integer(Int64(priority)) }
        if let source { object["source"] = .string("\(source)") }
        if isOnLink { object["onlink"] = true }
        if mtu != 0 { object["mtu"] = .integer(Int64(mtu)) }
        return .object(object)
    }
}

extension PodNetworkDescription.Neighbor {
    fileprivate init(reading node: JSONNode) throws(JSONError) {
        self.init(
            try node.parsed("ip", "an address") { NetAddress(unmapping: $0) },
            is: try node.parsed("hw-addr", "an Ethernet address") { LinkAddress($0) },
            on: try node.interfaceName("dev"),
            state: try node.optionalParsed("state", "a neighbour state such as permanent") {
                PodNetworkDescription.NeighborState(rawValue: $0)
            } ?? .none)
    }

    fileprivate var json: JSONValue {
        [
            "ip": .string("\(address)"), "hw-addr": .string("\(hardwareAddress)"), "dev": .string(device),
            "state": .string(state.rawValue),
        ]
    }
}

extension String {
    /// The text in an error: in quotes if it is short and plain, else only its length.
    fileprivate var shown: String {
        utf8.count <= 64 && utf8.allSatisfy { 0x20...0x7E ~= $0 }
            ? debugDescription : "\(utf8.count) bytes of other text"
    }
}

extension JSONNode {
    /// A string that `parse` accepts. Go writes an unset value as the empty string, which gives nil.
    fileprivate func optionalParsed<Value>(
        _ key: String, _ wanted: String, _ parse: (String) -> Value?
    ) throws(JSONError) -> Value? {
        guard let text = try optionalString(key), !text.isEmpty else { return nil }
        guard let value = parse(text) else {
            throw JSONError(
                path: path(of: key), "expected \(wanted), found \(text.shown)")
        }
        return value
    }

    fileprivate func parsed<Value>(
        _ key: String, _ wanted: String, _ parse: (String) -> Value?
    ) throws(JSONError) -> Value {
        guard let value = try optionalParsed(key, wanted, parse) else {
            throw JSONError(path: path(of: key), "expected \(wanted), found nothing")
        }
        return value
    }

    /// A name that the kernel accepts for an interface (`dev_valid_name` in net/core/dev.c).
    fileprivate func interfaceName(_ key: String) throws(JSONError) -> String {
        try parsed(key, "the name of an interface") { name in
            let isValid =
                name.utf8.count < 16 && name != "." && name != ".."
                && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") }
            return isValid ? name : nil
        }
    }

    /// An integer in `range`; 0 if it is missing, as in Go.
    fileprivate func integer(_ key: String, in range: ClosedRange<Int>) throws(JSONError) -> Int {
        let number = try optionalInteger(key) ?? 0
        guard let value = Int(exactly: number), range.contains(value) else {
            throw JSONError(
                path: path(of: key), "expected \(range.lowerBound) to \(range.upperBound), found \(number)")
        }
        return value
    }
}
