package import JSON
package import Telemetry

/// What a fake VM is, as its directory says: written before it is powered on, and never changed.
package struct MachineRecord: Equatable, Sendable {
    package var name: String
    /// Its address: one of 127.0.0.0/8 that no other VM has.
    package var address: String
    package var port: UInt16
    /// When the cloud was asked for it.
    package var created: WallTime
    package var bootDelay: Duration
    /// What shall go wrong with it.
    package var failure: FakeFailure
    package var life: Duration
    /// The forwarder's program.
    package var forwarder: String
    /// What it is told beyond what every VM's is.
    package var forwarderFlags: [String]
    package var tags: [String: String]

    package init(
        name: String, address: String, port: UInt16, created: WallTime, bootDelay: Duration = .zero,
        failure: FakeFailure = .none, life: Duration = .zero, forwarder: String,
        forwarderFlags: [String] = [], tags: [String: String] = [:]
    ) {
        self.name = name
        self.address = address
        self.port = port
        self.created = created
        self.bootDelay = bootDelay
        self.failure = failure
        self.life = life
        self.forwarder = forwarder
        self.forwarderFlags = forwarderFlags
        self.tags = tags
    }

    package init(parsing bytes: [UInt8]) throws(JSONError) {
        let node = try JSONNode(JSONValue(parsing: bytes))
        name = try node.string("name")
        address = try node.string("address")
        port = UInt16(clamping: try node.integer("port"))
        created = WallTime(millisecondsSinceEpoch: try node.integer("created"))
        bootDelay = .milliseconds(try node.integer("boot-delay"))
        failure = FakeFailure(rawValue: try node.string("failure")) ?? .none
        life = .milliseconds(try node.integer("life"))
        forwarder = try node.string("forwarder")
        forwarderFlags = try node.strings("forwarder-flags")
        tags = [:]
        for (key, value) in try node.object("tags").members.entries { tags[key] = value.stringValue }
    }

    package var encoded: [UInt8] {
        let tags = JSONObject(tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        let record: JSONValue = [
            "name": .string(name), "address": .string(address), "port": .integer(Int64(port)),
            "created": .integer(created.millisecondsSinceEpoch), "boot-delay": .integer(bootDelay.milliseconds),
            "failure": .string(failure.rawValue), "life": .integer(life.milliseconds),
            "forwarder": .string(forwarder), "forwarder-flags": .array(forwarderFlags.map { .string($0) }),
            "tags": .object(tags),
        ]
        return record.encoded(indent: 2)
    }
}

extension Duration {
    /// Whole milliseconds.
    package var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
