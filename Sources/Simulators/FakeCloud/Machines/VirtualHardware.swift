internal import JSON

/// The hardware of a machine that is a virtual one, in its description.
package struct VirtualHardware: Equatable, Sendable {
    /// The raw disk image, which no machine changes.
    package var image: String
    /// The directory of the firmware.
    package var firmware: String
    /// The memory in MiB.
    package var memory: Int
    /// Whether the kernel runs its processors, otherwise qemu emulates them.
    package var isAccelerated: Bool
    /// The directory of the programs; empty: they are in PATH.
    package var programs: String
    /// The network that the guest gets from DHCP, as `ADDRESS/LENGTH`, and its gateway; nil without a bridge.
    package var network: String?
    package var gateway: String?

    /// The hardware that the options describe.
    package init(_ options: VirtualMachineOptions, isAccelerated: Bool) {
        image = options.image
        firmware = options.firmware
        memory = options.memory
        programs = options.programs
        self.isAccelerated = isAccelerated
    }

    /// The program of that name.
    package func program(_ name: String) -> String { programs.isEmpty ? name : "\(programs)/\(name)" }

    init(_ node: JSONNode) throws(JSONError) {
        image = try node.string("image")
        firmware = try node.string("firmware")
        memory = Int(try node.integer("memory"))
        isAccelerated = try node.bool("accelerated")
        programs = try node.string("programs")
        network = try node.optionalString("network")
        gateway = try node.optionalString("gateway")
    }

    var json: JSONValue {
        var members = JSONObject(members: [
            "image": .string(image), "firmware": .string(firmware), "memory": .integer(Int64(memory)),
            "accelerated": .bool(isAccelerated), "programs": .string(programs),
        ])
        if let network { members["network"] = .string(network) }
        if let gateway { members["gateway"] = .string(gateway) }
        return .object(members)
    }
}
