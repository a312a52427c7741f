internal import JSON
internal import LinuxIO
internal import TLS
internal import Telemetry

/// What the connector keeps in a sandbox's directory, for itself and for a later process.
///
///     agent.ttrpc     the agent socket
///     identity.json   what the tunnel is made with (0600): see TunnelKeys
///     user-data       what the VM boots with (0600): gone once its agent has answered
///
/// They are whole once the sandbox's record says that it is prepared, and are synced with it when the VM is to be made.
///
/// Each use opens the directory, if it is one that only this user can write, and follows no link in it.
struct SandboxFiles: Sendable {
    private let directory: String

    private static let socketName = "agent.ttrpc"
    private static let identityName = "identity.json"
    private static let userDataName = "user-data"
    /// The longest of our files, in bytes.
    private static let sizeLimit = 1 << 20

    init(in directory: String) { self.directory = directory }

    var socket: String { "\(directory)/\(Self.socketName)" }

    func write(_ keys: TunnelKeys) throws {
        var object = JSONObject([("server-name", .string(keys.serverName))])
        object["authority"] = keys.authority.map(JSONValue.string)
        object["certificate"] = keys.client.map { .string($0.certificate) }
        object["key"] = keys.client.map { .string($0.key.reveal()) }
        let bytes = JSONValue.object(object).encoded(indent: 2)
        try Directory.ownEntry(directory).write(bytes, to: Self.identityName, syncs: false)
    }

    func write(userData text: String) throws {
        try Directory.ownEntry(directory).write(Array(text.utf8), to: Self.userDataName, syncs: false)
    }

    /// Throws ``FileError`` or ``JSONError``.
    func readKeys() throws -> TunnelKeys {
        let bytes = try Directory.ownEntry(directory).read(Self.identityName, limit: Self.sizeLimit)
        let node = try JSONNode(JSONValue(parsing: bytes))
        var keys = TunnelKeys(serverName: try node.string("server-name"))
        keys.authority = try node.optionalString("authority")
        if let certificate = try node.optionalString("certificate") {
            keys.client = CertifiedKey(certificate: certificate, key: Secret(try node.string("key")))
        }
        return keys
    }

    func readUserData() throws(FileError) -> String {
        String(
            decoding: try Directory.ownEntry(directory).read(Self.userDataName, limit: Self.sizeLimit), as: UTF8.self)
    }

    /// The VM's own key need not be on the node for longer than the VM takes to boot.
    func removeUserData() throws { try Directory.ownEntry(directory).remove(Self.userDataName) }

    /// Removes all of it; what cannot be removed goes with the directory.
    func removeAll() {
        guard let directory = try? Directory.ownEntry(directory) else { return }
        for name in [Self.userDataName, Self.identityName, Self.socketName] { try? directory.removeTree(name) }
    }
}
