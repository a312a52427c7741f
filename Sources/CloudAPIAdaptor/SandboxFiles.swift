internal import AgentTunnel
internal import JSON
internal import LinuxIO
internal import Telemetry

/// What the connector keeps in a sandbox's directory, for itself and for a later process.
///
///     agent.ttrpc     the agent socket
///     identity.json   what the tunnel is made with (0600): see TunnelKeys
///     user-data       what the VM boots with (0600): gone once its agent has answered
///
/// They are whole once the sandbox's record says that it is prepared, and are synced with it when the VM is to be made.
struct SandboxFiles: Sendable {
    let socket: String
    private let identity: String
    private let userData: String

    /// The longest of our files, in bytes.
    private static let sizeLimit = 1 << 20

    init(in directory: String) {
        socket = directory + "/agent.ttrpc"
        identity = directory + "/identity.json"
        userData = directory + "/user-data"
    }

    func write(_ keys: TunnelKeys) throws(SystemCallError) {
        var object = JSONObject([("server-name", .string(keys.serverName))])
        object["authority"] = keys.authority.map(JSONValue.string)
        object["certificate"] = keys.client.map { .string($0.certificate) }
        object["key"] = keys.client.map { .string($0.key.reveal()) }
        try Self.write(JSONValue.object(object).encoded(indent: 2), to: identity)
    }

    func write(userData text: String) throws(SystemCallError) {
        try Self.write(Array(text.utf8), to: userData)
    }

    private static func write(_ bytes: [UInt8], to path: String) throws(SystemCallError) {
        try Files.removeTree(path)
        try Files.write(bytes, to: path, at: 0, mode: 0o600)
    }

    /// Throws ``FileError`` or ``JSONError``.
    func readKeys() throws -> TunnelKeys {
        let bytes = try DurableFile.read(identity, limit: Self.sizeLimit)
        let node = try JSONNode(JSONValue(parsing: bytes))
        var keys = TunnelKeys(serverName: try node.string("server-name"))
        keys.authority = try node.optionalString("authority")
        if let certificate = try node.optionalString("certificate") {
            keys.client = CertifiedKey(certificate: certificate, key: Secret(try node.string("key")))
        }
        return keys
    }

    func readUserData() throws(FileError) -> String {
        String(decoding: try DurableFile.read(userData, limit: Self.sizeLimit), as: UTF8.self)
    }

    /// The VM's own key need not be on the node for longer than the VM takes to boot.
    func removeUserData() throws(SystemCallError) { try Files.removeTree(userData) }

    /// Removes all of it; what cannot be removed goes with the directory.
    func removeAll() {
        for path in [userData, identity, socket] { try? Files.removeTree(path) }
    }
}
