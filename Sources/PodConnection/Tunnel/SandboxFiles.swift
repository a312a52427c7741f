internal import JSON
internal import LinuxIO
internal import TLS
internal import Telemetry

/// The connector's files in a sandbox's directory, for this process and a later one.
///
///     agent.ttrpc     the agent socket
///     identity.json   the tunnel's keys (0600): see ``TunnelKeys``
///     user-data       the boot document (0600): removed once the record says `running`
///
/// They are complete once the sandbox's record says `prepared`, and are synced with the record before the cloud is asked.
///
/// Each use opens the directory, which only this user may be able to write, and follows no link in it.
struct SandboxFiles: Sendable {
    private let directory: String

    private static let socketName = "agent.ttrpc"
    private static let identityName = "identity.json"
    private static let userDataName = "user-data"
    /// The largest size of a file, in bytes.
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

    /// Removes the boot document, if there is one. The node does not need it once the start is complete.
    func removeUserData() throws { try Directory.ownEntry(directory).remove(Self.userDataName) }

    /// Removes all files. A file that cannot be removed is removed with the directory.
    func removeAll() {
        guard let directory = try? Directory.ownEntry(directory) else { return }
        for name in [Self.userDataName, Self.identityName, Self.socketName] { try? directory.removeTree(name) }
    }
}
