/// The files that the guest writes from user data.
///
/// The node writes them into user data in this order.
public enum GuestFile: String, CaseIterable, Sendable {
    /// The forwarder's configuration: a ``BootDocument``.
    case bootDocument = "apf.json"
    /// Credentials for image registries.
    case registryCredentials = "auth.json"
    /// A packed ``Initdata``.
    case initdata = "initdata"
    /// The attestation agent's configuration; see ``isMeasured``.
    case attestationAgent = "aa.toml"
    /// The confidential data hub's configuration; see ``isMeasured``.
    case dataHub = "cdh.toml"
    /// An empty file. Its existence requests scratch space.
    case scratchSpace = "scratch-space.marker"

    /// The directory of the files in a guest.
    public static let directory = "/run/peerpod"

    /// The file's path in user data.
    public var path: String { "\(Self.directory)/\(rawValue)" }

    /// Whether the file decides what the guest attests, and which services get secrets. Such a file is a part of the
    /// initdata, which the guest measures. In user data, the node could choose its content.
    public var isMeasured: Bool { self == .attestationAgent || self == .dataHub }

    /// The file with this path in a guest; nil if the guest does not write to the path.
    public init?(path: String) {
        guard let file = Self.allCases.first(where: { $0.path == path }) else { return nil }
        self = file
    }

    /// The mode of the file.
    ///
    /// Two files contain secrets (the forwarder's private key, passwords), and their readers (the forwarder;
    /// systemd-tmpfiles and the data hub) run as root. The others contain none and have 0644 as in the reference, where
    /// a guest component can read its configuration without root.
    public var mode: UInt32 {
        switch self {
        case .bootDocument, .registryCredentials: 0o600
        case .initdata, .attestationAgent, .dataHub, .scratchSpace: 0o644
        }
    }

    /// Throws ``BootError`` if the file's reader could not read `content`.
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
