internal import JSON

extension SandboxRecord {
    /// The record's bytes in the file.
    package var encoded: [UInt8] {
        var object = JSONObject()
        object["version"] = .integer(Self.version)
        object["sandbox"] = .string(id.rawValue)
        object["pod"] = .string(podName)
        object["namespace"] = .string(podNamespace)
        object["networkNamespace"] = .string(networkNamespacePath)
        object["machineType"] = requirements.machineType.map(JSONValue.string)
        object["image"] = requirements.image.map(JSONValue.string)
        object["vcpus"] = requirements.vcpus.map { .integer(Int64($0)) }
        object["memoryMiB"] = requirements.memoryMiB.map { .integer(Int64($0)) }
        object["gpus"] = requirements.gpus.map { .integer(Int64($0)) }
        requirements.write(to: &object)
        place?.write(to: &object)
        object["created"] = .integer(created)
        object["request"] = request.map(JSONValue.string)
        object["cluster"] = .string(owner.cluster)
        object["node"] = .string(owner.node)
        object["subscription"] = .string(scope.subscription)
        object["resourceGroup"] = .string(scope.resourceGroup)
        object["vni"] = vni.map { .integer(Int64($0)) }
        object["vm"] = .string(state.vm.rawValue)
        object["state"] = .string(state.name)
        if let addresses = state.instance?.addresses { object["addresses"] = .array(addresses.map(JSONValue.string)) }
        object["vmID"] = state.instance?.vmID.map(JSONValue.string)
        if case .failed(_, let reason) = state { object["failure"] = .string(reason) }
        object["history"] = history.json
        object[RecordChecksum.member] = .string("")
        return RecordChecksum.sealed(JSONValue.object(object).encoded(indent: 2) + [UInt8(ascii: "\n")])
    }

    /// Reads a record of version 1 or 2. Ignores unknown members: only a new `version` changes a meaning.
    ///
    /// - Throws: `RecordError` with what is wrong, and where.
    package init(parsing bytes: [UInt8]) throws(RecordError) {
        do throws(JSONError) {
            let node = try JSONNode(JSONValue(parsing: bytes, limits: JSONLimits(size: Self.sizeLimit, depth: 8)))
            let version = try Self.checkedVersion(of: node, bytes)
            try self.init(node, version: version)
        } catch {
            throw RecordError(error.description)
        }
    }

    /// Reads the record of `sandbox`, whose directory has it.
    package init(parsing bytes: [UInt8], of sandbox: SandboxID) throws(RecordError) {
        if bytes.allSatisfy({ $0 == 0 }) {
            throw RecordError("is empty: a power cut came before it was on disk, or its content was lost")
        }
        try self.init(parsing: bytes)
        guard id == sandbox else { throw RecordError("sandbox: is not that of its directory") }
    }

    private static func checkedVersion(of node: JSONNode, _ bytes: [UInt8]) throws(JSONError) -> Int64 {
        let version = try node.integer("version")
        switch version {
        case 1:
            guard node.members[RecordChecksum.member] == nil else {
                throw JSONError(path: "version", "1 has no checksum, so the record is damaged")
            }
        case Self.version:
            guard RecordChecksum.isValid(bytes) else {
                throw JSONError(path: RecordChecksum.member, "does not match, so the record is damaged")
            }
        default: throw JSONError(path: "version", "\(version) is not known to this version of the adaptor")
        }
        return version
    }

    private init(_ node: JSONNode, version: Int64) throws(JSONError) {
        var requirements = Requirements(
            machineType: try node.optionalString("machineType"), image: try node.optionalString("image"),
            vcpus: try node.optionalInteger("vcpus").map { Int($0) },
            memoryMiB: try node.optionalInteger("memoryMiB").map { Int($0) },
            gpus: try node.optionalInteger("gpus").map { Int($0) })
        try requirements.read(node)
        self.init(
            id: try Self.id(node), podName: try node.string("pod"), podNamespace: try node.string("namespace"),
            networkNamespacePath: try node.string("networkNamespace"), requirements: requirements,
            created: try node.integer("created"), request: try node.optionalString("request"),
            owner: VMOwner(
                cluster: try node.optionalString("cluster") ?? "", node: try node.optionalString("node") ?? ""),
            scope: CloudScope(
                subscription: try node.optionalString("subscription") ?? "",
                resourceGroup: try node.optionalString("resourceGroup") ?? ""),
            vni: try node.optionalInteger("vni").flatMap { UInt32(exactly: $0) }, state: try SandboxState(node),
            isOutdated: version < Self.version)
        place = try InstancePlace(in: node)
        history = try StepHistory(in: node)
    }

    private static func id(_ node: JSONNode) throws(JSONError) -> SandboxID {
        let text = try node.string("sandbox")
        do {
            return try SandboxID(validating: text)
        } catch {
            throw JSONError(path: "sandbox", error.message)
        }
    }
}

extension SandboxState {
    /// The state's name in records and messages.
    package var name: String {
        switch self {
        case .preparing: "preparing"
        case .prepared: "prepared"
        case .creating: "creating"
        case .booting: "booting"
        case .running: "running"
        case .failed: "failed"
        case .deleting: "deleting"
        case .gone: "gone"
        }
    }

    fileprivate init(_ node: JSONNode) throws(JSONError) {
        let vm = InstanceID(rawValue: try node.string("vm"))
        guard !vm.rawValue.isEmpty else { throw JSONError(path: "vm", "is empty") }
        switch try node.string("state") {
        case "preparing": self = .preparing(vm)
        case "prepared": self = .prepared(vm)
        case "creating": self = .creating(vm)
        case "booting": self = .booting(try Self.instance(vm, node))
        case "running": self = .running(try Self.instance(vm, node))
        case "failed": self = .failed(vm, reason: try node.string("failure"))
        case "deleting": self = .deleting(vm)
        case "gone": self = .gone(vm)
        default: throw JSONError(path: "state", "is not one this version of the adaptor knows")
        }
    }

    private static func instance(_ vm: InstanceID, _ node: JSONNode) throws(JSONError) -> Instance {
        Instance(id: vm, addresses: try node.strings("addresses"), vmID: try node.optionalString("vmID"))
    }
}

extension SandboxRecord {
    /// Whether these bytes are what a power cut leaves of a record that was not synced: nothing, zeros, or a beginning.
    ///
    /// A record that says that a VM may exist is synced before it replaces the one before. So there is no VM, unless
    /// the content was lost later.
    package static func isUnsynced(_ bytes: [UInt8]) -> Bool {
        // Without its last byte, the line feed, a record is still JSON.
        bytes.allSatisfy { $0 == 0 } || RecordChecksum.isValid(bytes + [UInt8(ascii: "\n")])
            || !RecordChecksum.hasEnd(bytes) && (try? JSONValue(parsing: bytes)) == nil
    }
}
