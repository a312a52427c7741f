internal import JSON
internal import LinuxIO
internal import PodNetwork

/// The record of a sandbox's network: `network.json` (0600) in the sandbox's directory.
///
/// From it a later process repairs the network, removes it, and keeps its VXLAN identifier reserved.
///
///     {
///       "version": 1,
///       "namespace": "/run/netns/cni-1",
///       "interface": "eth0", "hardwareAddress": "0a:58:0a:f4:00:13", "mtu": 1450, "addresses": ["10.244.0.19/24"],
///       "vxlanID": 555000, "vxlanPort": 4789, "node": "10.0.0.4/24", "dedicated": false,
///       "peers": ["10.0.0.7"]
///     }
///
/// It is on disk before the VM learns the identifier (the sandbox's directory is synced before the cloud is asked), and each
/// peer is on disk before the node sends to it.
struct SandboxNetworkRecord: Equatable, Sendable {
    /// The path of the pod's network namespace on the node.
    let namespacePath: String
    /// The pod's interface as the CNI plugin has made it; its routes and neighbours are not recorded.
    let pod: PodInterface
    /// The tunnel's VXLAN identifier.
    let identifier: UInt32
    /// The tunnel's UDP port.
    let port: Int
    /// The node's address, as the VM is told it.
    let node: NetPrefix
    /// Whether the VM was told that the tunnels have an interface of their own, on the node and in the VM.
    let isDedicated: Bool
    /// The VM addresses that the tunnel has led to, the present one last.
    private(set) var peers: [NetAddress] = []

    private static let version: Int64 = 1
    private static let sizeLimit = 64 << 10

    init(namespacePath: String, pod: PodInterface, identifier: UInt32, port: Int, node: NetPrefix, isDedicated: Bool) {
        self.namespacePath = namespacePath
        self.pod = PodInterface(
            name: pod.name, hardwareAddress: pod.hardwareAddress, mtu: pod.mtu, addresses: pod.addresses)
        self.identifier = identifier
        self.port = port
        self.node = node
        self.isDedicated = isDedicated
    }

    /// This record, with a tunnel that leads to `peer`.
    func leading(to peer: NetAddress) -> SandboxNetworkRecord {
        var record = self
        record.peers = peers.filter { $0 != peer } + [peer]
        return record
    }
}

extension SandboxNetworkRecord {
    private static let fileName = "network.json"

    /// Writes the record. It survives a power cut once there is a VM; before that, only the end of this process.
    func write(in directory: String) async throws {
        let (bytes, hasVM) = (encoded, !peers.isEmpty)
        try await ThreadPool.files.run {
            try Directory.ownEntry(directory).write(bytes, to: Self.fileName, syncs: hasVM)
        }
    }

    private var encoded: [UInt8] {
        var object = JSONObject()
        object["version"] = .integer(Self.version)
        object["namespace"] = .string(namespacePath)
        object["interface"] = .string(pod.name)
        object["hardwareAddress"] = .string(pod.hardwareAddress.description)
        object["mtu"] = .integer(Int64(pod.mtu))
        object["addresses"] = .array(pod.addresses.map { .string($0.description) })
        object["vxlanID"] = .integer(Int64(identifier))
        object["vxlanPort"] = .integer(Int64(port))
        object["node"] = .string(node.description)
        object["dedicated"] = .bool(isDedicated)
        object["peers"] = .array(peers.map { .string($0.description) })
        return JSONValue.object(object).encoded(indent: 2) + [UInt8(ascii: "\n")]
    }

    /// Removes the record, durably.
    static func remove(in directory: String) async throws {
        try await ThreadPool.files.run {
            do {
                let directory = try Directory.ownEntry(directory)
                try directory.remove(fileName)
                try directory.sync()
            } catch let error as FileError where error.isMissing {
            }
        }
    }

    /// The record in a sandbox's directory; nil for a pod without a network.
    ///
    /// - Throws: ``FileError`` or ``JSONError``.
    static func read(in directory: String) throws -> SandboxNetworkRecord? {
        let bytes: [UInt8]
        do {
            bytes = try Directory.ownEntry(directory).read(Self.fileName, limit: Self.sizeLimit)
        } catch  where error.isMissing {
            return nil
        }
        return try SandboxNetworkRecord(
            JSONNode(JSONValue(parsing: bytes, limits: JSONLimits(size: Self.sizeLimit, depth: 4))))
    }

    private init(_ node: JSONNode) throws(JSONError) {
        func fault(_ key: String, _ what: String) -> JSONError { JSONError(path: key, what) }
        let version = try node.integer("version")
        guard version == Self.version else {
            throw fault("version", "\(version) is not known to this version of the adaptor")
        }
        namespacePath = try node.string("namespace")
        guard let hardwareAddress = LinkAddress(try node.string("hardwareAddress")) else {
            throw fault("hardwareAddress", "is not an Ethernet address")
        }
        guard let mtu = Int(exactly: try node.integer("mtu")) else { throw fault("mtu", "is not a number of bytes") }
        pod = PodInterface(
            name: try node.string("interface"), hardwareAddress: hardwareAddress, mtu: mtu,
            addresses: try node.strings("addresses").compactMap { NetPrefix($0) })
        guard let identifier = UInt32(exactly: try node.integer("vxlanID")) else {
            throw fault("vxlanID", "is not a VXLAN identifier")
        }
        self.identifier = identifier
        guard let port = UInt16(exactly: try node.integer("vxlanPort")) else {
            throw fault("vxlanPort", "is not a UDP port")
        }
        self.port = Int(port)
        guard let own = NetPrefix(try node.string("node")) else {
            throw fault("node", "is not an address with a prefix length")
        }
        self.node = own
        isDedicated = try node.optionalBool("dedicated") ?? false
        peers = try node.strings("peers").compactMap { NetAddress($0) }
    }
}
