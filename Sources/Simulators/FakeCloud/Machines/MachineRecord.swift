package import JSON
package import Telemetry

/// The description of a fake machine in its directory: written before the machine is powered on, and never changed.
package struct MachineRecord: Equatable, Sendable {
    /// The request of the cloud.
    package var spec: MachineSpec
    /// What the machine has of its own.
    package var kind: MachineKind
    /// The machine's address in 127.0.0.0/8 or in the bridge's subnet; no other machine has the same.
    package var address: String
    /// The TCP port of its forwarder.
    package var port: UInt16
    /// The time of the request to power it on.
    package var created: WallTime
    /// The path of the forwarder's program.
    package var forwarder: String
    /// Flags of the forwarder beyond those that every machine's forwarder gets.
    package var forwarderFlags: [String]
    /// The hardware of a virtual machine; nil: the machine is processes of this one.
    package var hardware: VirtualHardware?
    /// Flags of the stand-in for kata's agent, in the same way.
    package var agentFlags: [String]

    /// A description with the address, port and programs that the host has chosen.
    package init(
        _ spec: MachineSpec, kind: MachineKind = .processes, address: String, port: UInt16, created: WallTime,
        forwarder: String, forwarderFlags: [String] = [], agentFlags: [String] = []
    ) {
        self.spec = spec
        self.kind = kind
        self.address = address
        self.port = port
        self.created = created
        self.forwarder = forwarder
        self.forwarderFlags = forwarderFlags
        self.agentFlags = agentFlags
    }

    /// Reads ``encoded``. Throws when a member is missing or has the wrong type.
    package init(parsing bytes: [UInt8]) throws(JSONError) {
        let node = try JSONNode(JSONValue(parsing: bytes))
        spec = MachineSpec(name: try node.string("name"))
        spec.bootDelay = .milliseconds(try node.integer("boot-delay"))
        spec.fault = GuestFault(rawValue: try node.string("fault")) ?? .none
        spec.life = .milliseconds(try node.integer("life"))
        spec.metadataEndpoint = try node.string("metadata-endpoint")
        for (key, value) in try node.object("tags").members.entries { spec.tags[key] = value.stringValue }
        // A record without a kind is from a version that had only this kind.
        kind = try node.optionalString("kind").flatMap(MachineKind.init(rawValue:)) ?? .processes
        address = try node.string("address")
        port = UInt16(clamping: try node.integer("port"))
        created = WallTime(millisecondsSinceEpoch: try node.integer("created"))
        forwarder = try node.string("forwarder")
        forwarderFlags = try node.strings("forwarder-flags")
        hardware = try node.optionalObject("hardware").map { node throws(JSONError) in try VirtualHardware(node) }
        agentFlags = try node.optionalStrings("agent-flags") ?? []
    }

    /// The JSON document of the file.
    package var encoded: [UInt8] {
        let tags = JSONObject(spec.tags.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
        var record = JSONObject(members: [
            "name": .string(spec.name), "kind": .string(kind.rawValue), "address": .string(address),
            "port": .integer(Int64(port)),
            "created": .integer(created.millisecondsSinceEpoch), "boot-delay": .integer(spec.bootDelay.milliseconds),
            "fault": .string(spec.fault.rawValue), "life": .integer(spec.life.milliseconds),
            "metadata-endpoint": .string(spec.metadataEndpoint), "forwarder": .string(forwarder),
            "forwarder-flags": .array(forwarderFlags.map { .string($0) }),
            "agent-flags": .array(agentFlags.map { .string($0) }), "tags": .object(tags),
        ])
        if let hardware { record["hardware"] = hardware.json }
        return JSONValue.object(record).encoded(indent: 2)
    }
}

extension Duration {
    /// Whole milliseconds.
    package var milliseconds: Int64 { components.seconds * 1000 + components.attoseconds / 1_000_000_000_000_000 }
}
