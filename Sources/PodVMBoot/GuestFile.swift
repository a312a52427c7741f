/// The files that the guest writes of what user data brings.
///
/// Their order is the order in which the node writes them into user data.
public enum GuestFile: String, CaseIterable, Sendable {
    /// The forwarder's own: a ``BootDocument``.
    case bootDocument = "apf.json"
    /// Credentials for image registries.
    case registryCredentials = "auth.json"
    /// An ``Initdata``, packed.
    case initdata = "initdata"
    /// The attestation agent's configuration; see ``isMeasured``.
    case attestationAgent = "aa.toml"
    /// The confidential data hub's configuration; see ``isMeasured``.
    case dataHub = "cdh.toml"
    /// Empty; that it is there asks for scratch space.
    case scratchSpace = "scratch-space.marker"

    /// Where they are in a guest.
    public static let directory = "/run/peerpod"

    /// The path by which user data names the file.
    public var path: String { "\(Self.directory)/\(rawValue)" }

    /// Whether it decides what the guest attests and which services it trusts with secrets. Such a file is part of the
    /// initdata, which is measured; in user data it would be the node's word.
    public var isMeasured: Bool { self == .attestationAgent || self == .dataHub }

    /// The file of that path in a guest, or nil if the guest does not write there.
    public init?(path: String) {
        guard let file = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = file
    }

    /// The mode the file is written with.
    ///
    /// Two carry secrets (the forwarder's private key, passwords), and their readers (the forwarder; systemd-tmpfiles
    /// and the data hub) are root. The others carry none and are 0644 as in the reference, where a guest component
    /// need not be root to read its configuration.
    public var mode: UInt32 {
        switch self {
        case .bootDocument, .registryCredentials: 0o600
        case .initdata, .attestationAgent, .dataHub, .scratchSpace: 0o644
        }
    }

    /// Throws ``BootError`` if `content` is not what the file's reader could read.
    func check(_ content: [UInt8]) throws(BootError) {
        switch self {
        case .bootDocument: _ = try BootDocument(parsing: content)
        case .registryCredentials: try RegistryCredentials.check(content)
        case .initdata:
            let text = String(decoding: content, as: UTF8.self)
            _ = try Initdata(packed: text)
        case .attestationAgent, .dataHub, .scratchSpace: break
        }
    }
}
