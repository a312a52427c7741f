public import AgentTunnel
internal import LinuxIO
internal import TLS
public import TTRPC
internal import Telemetry

/// The plan of a sandbox's tunnel.
public struct OpenTunnelRequest: Message {
    /// The sandbox's id.
    public var sandbox = ""
    /// The absolute path of the agent socket.
    public var socket = ""
    /// The numeric address of the VM's forwarder.
    public var host = ""
    /// The forwarder's TCP port.
    public var port = 0
    /// Whether a connection to the VM is made before the answer.
    public var connectsAhead = false
    /// How the two ends authenticate each other; nil: no TLS.
    public var tls: TunnelTLS?

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &sandbox)
        fields.string(2, &socket)
        fields.string(3, &host)
        fields.integer(4, &port)
        fields.bool(5, &connectsAhead)
        fields.message(6, &tls)
    }
}

/// The keys and rules of a tunnel's TLS connection.
public struct TunnelTLS: Message {
    /// The CA certificate that the VM's certificate is checked against, in PEM.
    public var authority = ""
    /// The node's certificate chain, in PEM; empty: the node shows none.
    public var certificate = ""
    /// The private key of the certificate, in PEM.
    public var key = ""
    /// The name that the VM's certificate must have.
    public var serverName = ""
    /// The lowest TLS version: VersionTLS12 or VersionTLS13.
    public var minimumVersion = ""
    /// The allowed cipher suites by their IANA names; empty: the library's own.
    public var cipherSuites: [String] = []
    /// Whether the VM's certificate is not checked.
    public var skipsVerification = false

    /// All fields unset.
    public init() {}

    /// Names each field with its number.
    public mutating func visit(_ fields: inout MessageFields) {
        fields.string(1, &authority)
        fields.string(2, &certificate)
        fields.string(3, &key)
        fields.string(4, &serverName)
        fields.string(5, &minimumVersion)
        fields.strings(6, &cipherSuites)
        fields.bool(7, &skipsVerification)
    }
}

extension OpenTunnelRequest {
    /// Asks for the tunnel of `plan`.
    public init(_ plan: TunnelPlan, for sandbox: String, connectsAhead: Bool) {
        self.init()
        self.sandbox = sandbox
        self.connectsAhead = connectsAhead
        socket = plan.socketPath
        if case .tcp(let host, let port) = plan.forwarder {
            self.host = host
            self.port = Int(port)
        }
        tls = plan.credentials.map(TunnelTLS.init)
    }

    /// The requested plan.
    ///
    /// - Throws: INVALID_ARGUMENT with the field that is not valid.
    public func plan() throws(Status) -> TunnelPlan {
        guard socket.hasPrefix("/"), socket.utf8.count <= SocketAddress.unixPathLimit, !socket.utf8.contains(0) else {
            throw Status(
                .invalidArgument,
                "the agent socket must be an absolute path of at most \(SocketAddress.unixPathLimit) bytes")
        }
        guard let port = UInt16(exactly: port), port > 0 else {
            throw Status(.invalidArgument, "the forwarder's port must be a number from 1 to 65535")
        }
        let address = SocketAddress.tcp(host: host, port: port)
        guard !host.isEmpty, (try? SocketAddress(parsing: "\(address)")) == address else {
            throw Status(.invalidArgument, "the forwarder's host must be a numeric IP address")
        }
        return TunnelPlan(socketPath: socket, forwarder: address, credentials: try tls?.credentials())
    }
}

extension TunnelTLS {
    fileprivate init(_ credentials: TunnelCredentials) {
        self.init()
        authority = credentials.authority ?? ""
        certificate = credentials.client?.certificate ?? ""
        key = credentials.client?.key.reveal() ?? ""
        serverName = credentials.serverName
        minimumVersion = credentials.profile.minimumVersion.rawValue
        cipherSuites = credentials.profile.cipherSuites
        skipsVerification = !credentials.verifiesPeer
    }

    fileprivate func credentials() throws(Status) -> TunnelCredentials {
        do {
            return TunnelCredentials(
                authority: authority.isEmpty ? nil : authority,
                client: certificate.isEmpty ? nil : CertifiedKey(certificate: certificate, key: Secret(key)),
                serverName: serverName,
                profile: try TLSProfile(minimumVersion: minimumVersion, cipherSuites: cipherSuites),
                verifiesPeer: !skipsVerification)
        } catch {
            throw Status(.invalidArgument, "the tunnel's TLS settings cannot be used: \(error)")
        }
    }
}
