@testable import TLS

/// Certificates that have expired.
enum ExpiredCertificates {
    static func server(name: String) throws -> (authority: String, server: CertifiedKey) {
        let authority = try IssuedCertificate.selfSigned(CertificateTemplate(.authority, "server"))
        let server = try IssuedCertificate.issued(
            CertificateTemplate(.server(name: name), "server"), by: authority, validity: -7200 ... -3600)
        return (try authority.certificatePEM(), try server.certifiedKey())
    }

    static func client() throws -> CertifiedKey {
        try IssuedCertificate.selfSigned(CertificateTemplate(.client, "client"), validity: -7200 ... -3600)
            .certifiedKey()
    }
}
