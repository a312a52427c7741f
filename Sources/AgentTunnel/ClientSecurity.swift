public import TLS

/// The settings by which the node authenticates the VM, and itself to the VM.
public struct ClientSecurity: Sendable {
    /// The trusted authorities and the node's certificate.
    public let context: TLSContext
    /// The name that the VM's certificate must have: the VM's own name, or ``fixedServerName``.
    public let serverName: String
    /// The sessions with this VM.
    public let sessions: TLSSessionCache

    /// The name in every VM's certificate when the user supplies certificate files.
    public static let fixedServerName = "podvm-server"

    /// Makes settings that check `serverName` with the trusted authorities of `context`.
    public init(context: TLSContext, serverName: String, sessions: TLSSessionCache = TLSSessionCache()) {
        self.context = context
        self.serverName = serverName
        self.sessions = sessions
    }
}
