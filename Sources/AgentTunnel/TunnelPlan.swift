public import LinuxIO
public import TLS
internal import Telemetry

/// What the node's end of a sandbox's tunnel needs: where it listens, and where and how it connects.
///
/// It is a value without open files, so that a process can send it to another one.
public struct TunnelPlan: Sendable {
    /// The path of the agent socket.
    public let socketPath: String
    /// The address of the VM's forwarder.
    public let forwarder: SocketAddress
    /// The keys and rules of the TLS connection; nil: no TLS.
    public let credentials: TunnelCredentials?
    /// The TLS sessions with the VM. All dialers of the plan share them, in this process.
    private let sessions = TLSSessionCache()

    /// A plan of a tunnel from `socketPath` to `forwarder`.
    public init(socketPath: String, forwarder: SocketAddress, credentials: TunnelCredentials?) {
        self.socketPath = socketPath
        self.forwarder = forwarder
        self.credentials = credentials
    }

    /// A dialer that connects to the forwarder.
    ///
    /// - Throws: `TLSError` when OpenSSL cannot use the credentials.
    public func dialer(on loop: EpollLoop) throws(TLSError) -> Dialer {
        Dialer(to: forwarder, security: try credentials?.security(sessions), on: loop)
    }
}

extension TunnelPlan: Equatable {
    /// Whether both plans lead from the same socket to the same VM. The sessions do not matter.
    public static func == (one: TunnelPlan, other: TunnelPlan) -> Bool {
        one.socketPath == other.socketPath && one.forwarder == other.forwarder && one.credentials == other.credentials
    }
}

/// The keys and rules of a tunnel's TLS connection.
public struct TunnelCredentials: Sendable {
    /// The CA certificate that the VM's certificate is checked against, in PEM.
    public let authority: String?
    /// The node's certificate and its key; nil: the node shows none.
    public let client: CertifiedKey?
    /// The name that the VM's certificate must have.
    public let serverName: String
    /// The allowed versions and cipher suites.
    public let profile: TLSProfile
    /// Whether the VM's certificate is checked. Without ``authority``, the check always fails.
    public let verifiesPeer: Bool

    /// Credentials for a VM whose certificate has the name `serverName`.
    public init(authority: String?, client: CertifiedKey?, serverName: String, profile: TLSProfile, verifiesPeer: Bool)
    {
        self.authority = authority
        self.client = client
        self.serverName = serverName
        self.profile = profile
        self.verifiesPeer = verifiesPeer
    }

    fileprivate func security(_ sessions: TLSSessionCache) throws(TLSError) -> ClientSecurity {
        let context = try TLSContext.client(
            trusting: authority, identity: client, profile: profile, verifiesPeer: verifiesPeer)
        return ClientSecurity(context: context, serverName: serverName, sessions: sessions)
    }
}

extension TunnelCredentials: Equatable {
    /// Whether both have the same keys and rules.
    public static func == (one: TunnelCredentials, other: TunnelCredentials) -> Bool {
        one.authority == other.authority && one.serverName == other.serverName && one.profile == other.profile
            && one.verifiesPeer == other.verifiesPeer
            && one.client?.certificate == other.client?.certificate
            && one.client?.key.reveal() == other.client?.key.reveal()
    }
}
