public import Telemetry

/// A certificate chain and the private key of its first certificate, in PEM.
public struct CertifiedKey: Sendable {
    /// The certificate, then the intermediate certificates that lead to its authority.
    public let certificate: String
    /// The private key, in PKCS#8.
    public let key: Secret<String>

    /// Pairs `certificate` with `key`. ``TLSContext`` checks that they belong together.
    public init(certificate: String, key: Secret<String>) {
        self.certificate = certificate
        self.key = key
    }

    /// A new P-256 key with a self-signed client certificate of `organization`.
    ///
    /// - Throws: ``TLSError`` when OpenSSL cannot make them.
    public static func makeClient(organization: String) throws(TLSError) -> CertifiedKey {
        try IssuedCertificate.selfSigned(CertificateTemplate(.client, organization)).certifiedKey()
    }

    /// Only the first certificate, in PEM. The other end uses it to trust only this certificate.
    ///
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` if there is none.
    public func ownCertificate() throws(TLSError) -> String {
        try CertificateList.parse(certificate, "certificate").first()
    }
}
