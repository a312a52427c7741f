public import Telemetry

/// A certificate authority that is kept with its key, and issues certificates for servers more than once.
public struct CertificateAuthority: Sendable {
    /// The authority's certificate in PEM. Clients trust it.
    public let certificate: String
    /// The authority's private key, in PKCS#8.
    public let key: Secret<String>

    /// Takes an authority that ``make(organization:seconds:)`` has made.
    public init(certificate: String, key: Secret<String>) {
        self.certificate = certificate
        self.key = key
    }

    /// Makes an authority that is valid for this time. Its first day is in the past.
    public static func make(organization: String, seconds: Int) throws(TLSError) -> CertificateAuthority {
        let made = try IssuedCertificate.selfSigned(
            CertificateTemplate(.authority, organization), validity: validity(seconds))
        let pair = try made.certifiedKey()
        return CertificateAuthority(certificate: pair.certificate, key: pair.key)
    }

    /// Issues a certificate, with a new key, for the server that clients call by each of `names`.
    ///
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` for a name that cannot be in a certificate, and when the
    ///   authority's certificate and key are not usable.
    public func issue(names: [String], organization: String, seconds: Int) throws(TLSError) -> CertifiedKey {
        guard !names.isEmpty, names.allSatisfy(CertificateTemplate.isAlternativeName) else {
            throw TLSError(.unusableIdentity, "\(names) cannot be the names in a server's certificate")
        }
        let made = try IssuedCertificate.issued(
            CertificateTemplate(.servers(names: names), organization),
            by: try CertificateList.parse(certificate, "the authority's certificate"),
            key: try PrivateKey.parse(key.reveal()), validity: Self.validity(seconds))
        return try made.certifiedKey()
    }

    private static func validity(_ seconds: Int) -> ClosedRange<Int> {
        -CertificateTemplate.clockSkew...max(1, seconds)
    }
}
