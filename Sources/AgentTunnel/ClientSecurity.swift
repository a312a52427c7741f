public import TLS

/// How the node's end authenticates the VM, and itself to the VM.
public struct ClientSecurity: Sendable {
    /// The trusted authorities and the node's certificate.
    public let context: TLSContext
    /// The name the VM's certificate must have: the VM's own, or ``fixedServerName``.
    public let serverName: String
    /// Sessions with this one VM.
    public let sessions: TLSSessionCache

    /// The name in every VM's certificate when the files of the user are used.
    public static let fixedServerName = "podvm-server"

    /// Checks `serverName` with what `context` trusts.
    public init(context: TLSContext, serverName: String, sessions: TLSSessionCache = TLSSessionCache()) {
        self.context = context
        self.serverName = serverName
        self.sessions = sessions
    }
}
