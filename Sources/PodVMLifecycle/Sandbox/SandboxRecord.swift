internal import JSON

/// The data that this process needs to adopt or delete a sandbox that another process created.
///
/// Each sandbox has one file, `<pods directory>/<sandbox id>/record.json`, mode 0600:
///
///     {
///       "version": 1,
///       "sandbox": "0a1b…", "pod": "nginx", "namespace": "default",
///       "networkNamespace": "/run/netns/cni-1",
///       "machineType": "Standard_DC2es_v6", "image": "…", "vcpus": 2, "memoryMiB": 4096, "gpus": 1,
///       "created": 1767225600,
///       "vm": "podvm-nginx-0a1b2c3d", "state": "booting", "addresses": ["10.0.0.4"]
///     }
///
/// Optional members without a value are left out. The record never has initdata, keys or user data.
package struct SandboxRecord: Equatable, Sendable {
    /// The number in `version`. Another number has another meaning, and the record is not read.
    static let version: Int64 = 1
    /// The most bytes in a record.
    package static let sizeLimit = 64 << 10

    package let id: SandboxID
    package let podName: String
    package let podNamespace: String
    package let networkNamespacePath: String
    package let requirements: Requirements
    /// Seconds since 1970.
    package let created: Int64
    package var state: SandboxState

    /// The record of a CreateVM request, before anything is created.
    package init(_ request: SandboxRequest, vm: InstanceID, created: Int64) {
        id = request.id
        podName = request.podName
        podNamespace = request.podNamespace
        networkNamespacePath = request.networkNamespacePath
        requirements = request.requirements
        self.created = created
        state = .preparing(vm)
    }
}

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
        object["created"] = .integer(created)
        object["vm"] = .string(state.vm.rawValue)
        object["state"] = .string(state.name)
        if let addresses = state.addresses { object["addresses"] = .array(addresses.map(JSONValue.string)) }
        return JSONValue.object(object).encoded(indent: 2) + [UInt8(ascii: "\n")]
    }

    /// Reads a record. Ignores unknown members: only a new `version` changes a meaning.
    ///
    /// - Throws: `RecordError` with what is wrong, and where.
    package init(parsing bytes: [UInt8]) throws(RecordError) {
        do throws(JSONError) {
            try self.init(JSONNode(JSONValue(parsing: bytes, limits: JSONLimits(size: Self.sizeLimit, depth: 8))))
        } catch {
            throw RecordError(error.description)
        }
    }

    private init(_ node: JSONNode) throws(JSONError) {
        let version = try node.integer("version")
        guard version == Self.version else {
            throw JSONError(path: "version", "\(version) is not known to this version of the adaptor")
        }
        id = try Self.id(node)
        podName = try node.string("pod")
        podNamespace = try node.string("namespace")
        networkNamespacePath = try node.string("networkNamespace")
        requirements = Requirements(
            machineType: try node.optionalString("machineType"), image: try node.optionalString("image"),
            vcpus: try node.optionalInteger("vcpus").map { Int($0) },
            memoryMiB: try node.optionalInteger("memoryMiB").map { Int($0) },
            gpus: try node.optionalInteger("gpus").map { Int($0) })
        created = try node.integer("created")
        state = try SandboxState(node)
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
        case .deleting: "deleting"
        case .gone: "gone"
        }
    }

    /// The VM's addresses, once they are known.
    package var addresses: [String]? {
        switch self {
        case .booting(let instance), .running(let instance): instance.addresses
        case .preparing, .prepared, .creating, .deleting, .gone: nil
        }
    }

    fileprivate init(_ node: JSONNode) throws(JSONError) {
        let vm = InstanceID(rawValue: try node.string("vm"))
        guard !vm.rawValue.isEmpty else { throw JSONError(path: "vm", "is empty") }
        switch try node.string("state") {
        case "preparing": self = .preparing(vm)
        case "prepared": self = .prepared(vm)
        case "creating": self = .creating(vm)
        case "booting": self = .booting(Instance(id: vm, addresses: try node.strings("addresses")))
        case "running": self = .running(Instance(id: vm, addresses: try node.strings("addresses")))
        case "deleting": self = .deleting(vm)
        case "gone": self = .gone(vm)
        default: throw JSONError(path: "state", "is not one this version of the adaptor knows")
        }
    }
}
