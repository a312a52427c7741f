internal import JSON
internal import Telemetry

extension FakeResourceID {
    /// The members that every record has.
    var record: JSONObject {
        JSONObject(members: ["kind": .string(kind.rawValue), "group": .string(group), "name": .string(name)])
    }

    init(record node: JSONNode, _ kind: FakeResourceKind) throws(JSONError) {
        self.init(kind, group: try node.string("group"), name: try node.string("name"))
    }

    /// The id of another resource that the record refers to.
    static func reference(_ id: FakeResourceID?) -> JSONValue {
        id.map { ["kind": .string($0.kind.rawValue), "group": .string($0.group), "name": .string($0.name)] } ?? .null
    }

    static func reference(_ node: JSONNode, _ key: String) throws(JSONError) -> FakeResourceID? {
        guard let inner = try node.optionalObject(key) else { return nil }
        return try reference(inner)
    }

    static func reference(_ node: JSONNode) throws(JSONError) -> FakeResourceID {
        guard let kind = FakeResourceKind(rawValue: try node.string("kind")) else {
            throw JSONError(path: node.path(of: "kind"), "is unknown")
        }
        return try FakeResourceID(record: node, kind)
    }
}

extension RequestOrigin {
    var record: JSONValue { ["principal": .string(principal), "client-request-id": .string(clientRequestID)] }

    init(record node: JSONNode) throws(JSONError) {
        let origin = try node.object("by")
        self.init(
            principal: try origin.string("principal"), clientRequestID: try origin.string("client-request-id"))
    }
}

extension JSONNode {
    func time(_ key: String) throws(JSONError) -> WallTime {
        WallTime(millisecondsSinceEpoch: try integer(key))
    }
}

extension FakeNetworkInterface {
    var record: JSONValue {
        var record = id.record
        record["guid"] = .string(guid)
        record["hardware"] = .string(hardwareAddress)
        record["primary"] = .bool(isPrimary)
        record["goes"] = .bool(goesWithMachine)
        record["security-group"] = securityGroup.map { .string($0) } ?? .null
        record["acceleration"] = .bool(hasAcceleration)
        record["addresses"] = .array(
            addresses.map { address in
                [
                    "name": .string(address.name), "primary": .bool(address.isPrimary),
                    "subnet": .string(address.subnet), "address": .string(address.address),
                    "public": FakeResourceID.reference(address.publicAddress),
                ]
            })
        record["machine"] = FakeResourceID.reference(machine)
        record["etag"] = .string(etag)
        record["made"] = .integer(made.millisecondsSinceEpoch)
        record["by"] = origin.record
        if !tags.isEmpty { record["tags"] = .object(tags) }
        return .object(record)
    }

    init(record node: JSONNode) throws(JSONError) {
        id = try FakeResourceID(record: node, .interface)
        guid = try node.string("guid")
        hardwareAddress = try node.string("hardware")
        isPrimary = try node.bool("primary")
        goesWithMachine = try node.bool("goes")
        securityGroup = try node.optionalString("security-group")
        hasAcceleration = try node.bool("acceleration")
        addresses = []
        for address in try node.objects("addresses") {
            addresses.append(
                Address(
                    name: try address.string("name"), isPrimary: try address.bool("primary"),
                    subnet: try address.string("subnet"), address: try address.string("address"),
                    publicAddress: try FakeResourceID.reference(address, "public")))
        }
        machine = try FakeResourceID.reference(node, "machine")
        etag = try node.string("etag")
        made = try node.time("made")
        origin = try RequestOrigin(record: node)
        tags = try node.optionalObject("tags")?.members ?? JSONObject()
    }
}

extension PublicAddress {
    var record: JSONValue {
        var record = id.record
        record["guid"] = .string(guid)
        record["standard"] = .bool(isStandard)
        record["static"] = .bool(isStatic)
        record["goes"] = .bool(goesWithInterface)
        record["address"] = .string(address)
        record["zones"] = .array(zones.map { .string($0) })
        record["interface"] = FakeResourceID.reference(interface)
        record["configuration"] = .string(configuration)
        record["etag"] = .string(etag)
        record["made"] = .integer(made.millisecondsSinceEpoch)
        record["by"] = origin.record
        if !tags.isEmpty { record["tags"] = .object(tags) }
        return .object(record)
    }

    init(record node: JSONNode) throws(JSONError) {
        id = try FakeResourceID(record: node, .publicAddress)
        guid = try node.string("guid")
        isStandard = try node.bool("standard")
        isStatic = try node.bool("static")
        goesWithInterface = try node.bool("goes")
        address = try node.string("address")
        zones = try node.strings("zones")
        interface = try FakeResourceID.reference(node, "interface")
        configuration = try node.string("configuration")
        etag = try node.string("etag")
        made = try node.time("made")
        origin = try RequestOrigin(record: node)
        tags = try node.optionalObject("tags")?.members ?? JSONObject()
    }
}

extension ManagedDisk {
    var record: JSONValue {
        var record = id.record
        record["guid"] = .string(guid)
        record["size"] = .integer(sizeGB)
        record["storage"] = .string(storageType)
        record["zones"] = .array(zones.map { .string($0) })
        record["security"] = securityType.map { .string($0) } ?? .null
        if case .id(let path) = image { record["image"] = .string(path) }
        if case .community(let path) = image { record["community-image"] = .string(path) }
        if case .shared(let path) = image { record["shared-image"] = .string(path) }
        record["machine"] = FakeResourceID.reference(machine)
        record["goes"] = .bool(goesWithMachine)
        record["made"] = .integer(made.millisecondsSinceEpoch)
        record["by"] = origin.record
        if !tags.isEmpty { record["tags"] = .object(tags) }
        return .object(record)
    }

    init(record node: JSONNode) throws(JSONError) {
        id = try FakeResourceID(record: node, .disk)
        guid = try node.string("guid")
        sizeGB = try node.integer("size")
        storageType = try node.string("storage")
        zones = try node.strings("zones")
        securityType = try node.optionalString("security")
        let (own, community, shared) = (
            try node.optionalString("image"), try node.optionalString("community-image"),
            try node.optionalString("shared-image")
        )
        image = own.map { .id($0) } ?? community.map { .community($0) } ?? shared.map { .shared($0) }
        machine = try FakeResourceID.reference(node, "machine")
        goesWithMachine = try node.bool("goes")
        made = try node.time("made")
        origin = try RequestOrigin(record: node)
        tags = try node.optionalObject("tags")?.members ?? JSONObject()
    }
}
