@testable import AgentTunnel

/// Certificates whose time is over.
enum Expired {
    static func server(name: String) throws -> (authority: String, server: CertifiedKey) {
        let authority = try SelfMadeCertificate.make(.authority)
        let server = try SelfMadeCertificate.make(.server(name: name), validity: -7200 ... -3600, issuedBy: authority)
        return (try authority.certificatePEM(), try server.certifiedKey())
    }

    static func client() throws -> CertifiedKey {
        try SelfMadeCertificate.make(.client, validity: -7200 ... -3600).certifiedKey()
    }
}
