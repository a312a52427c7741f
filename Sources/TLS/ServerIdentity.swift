/// A server's key and certificate, and the authority that issued the certificate.
///
/// The authority issues only this certificate; its own key is discarded at once. Keys are ECDSA P-256. Certificates are
/// valid for two years. The first day is in the past, because a client's clock may be behind.
public struct ServerIdentity: Sendable {
    /// The authority's certificate in PEM. Clients trust it.
    public let authority: String
    /// The server's certificate and its key.
    public let server: CertifiedKey

    /// Makes an identity for the server called `name`, which becomes the common name and the only alternative name.
    ///
    /// A name is 1 to 63 of the characters `A-Za-z0-9.-`.
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` for another name.
    public static func make(name: String, organization: String) throws(TLSError) -> ServerIdentity {
        guard CertificateTemplate.isServerName(name) else {
            throw TLSError(.unusableIdentity, "'\(name)' cannot be the name in a server's certificate")
        }
        let authority = try IssuedCertificate.selfSigned(CertificateTemplate(.authority, organization))
        let server = try IssuedCertificate.issued(CertificateTemplate(.server(name: name), organization), by: authority)
        return ServerIdentity(authority: try authority.certificatePEM(), server: try server.certifiedKey())
    }
}
