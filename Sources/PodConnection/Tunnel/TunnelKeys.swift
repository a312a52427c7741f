internal import TLS

/// The keys of one sandbox's tunnel, beyond the operator's.
struct TunnelKeys: Sendable {
    /// The name that the VM's certificate must have.
    let serverName: String
    /// The CA certificate of the VM's certificate, in PEM.
    var authority: String?
    /// The node's own certificate.
    var client: CertifiedKey?

    init(serverName: String) { self.serverName = serverName }
}
