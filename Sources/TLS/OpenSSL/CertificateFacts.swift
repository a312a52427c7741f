internal import COpenSSL
public import Telemetry

/// What a certificate says about its time and its names.
public struct CertificateFacts: Equatable, Sendable {
    /// The seconds since the beginning of its validity; negative before it.
    public let age: Int
    /// The seconds until the end of its validity; negative after it.
    public let remaining: Int
    private let certificate: String

    /// Reads the first certificate of a PEM text.
    ///
    /// - Throws: ``TLSError`` with ``TLSError/Code/unusableIdentity`` when there is none.
    public init(pem: String) throws(TLSError) {
        let list = try CertificateList.parse(pem, "certificate")
        age = unsafe Self.seconds(from: X509_get0_notBefore(list[0]), to: nil)
        remaining = unsafe Self.seconds(from: nil, to: X509_get0_notAfter(list[0]))
        certificate = try list.first()
    }

    /// Whether a client that calls the server `name` accepts the certificate's names.
    public func isFor(_ name: String) -> Bool {
        guard let list = try? CertificateList.parse(certificate, "certificate") else { return false }
        // The length says where the name ends. The last pointer would get the name that matched.
        return unsafe X509_check_host(list[0], name, name.utf8.count, 0, nil) == 1
    }

    /// Whether `authority`, a certificate in PEM, has signed this certificate.
    public func isIssued(by authority: String) -> Bool {
        guard let list = try? CertificateList.parse(certificate, "certificate"),
            let issuer = try? CertificateList.parse(authority, "authority")
        else { return false }
        defer { OpenSSLError.clear() }
        // The key belongs to the issuer's certificate, which lives until the end of this function.
        return unsafe X509_verify(list[0], X509_get0_pubkey(issuer[0])) == 1
    }

    /// Whether `key`, in PEM, is the certificate's private key.
    public func has(key: Secret<String>) -> Bool {
        guard let list = try? CertificateList.parse(certificate, "certificate"),
            let key = try? PrivateKey.parse(key.reveal())
        else { return false }
        defer { OpenSSLError.clear() }
        return unsafe X509_check_private_key(list[0], key.pointer) == 1
    }

    /// Nil means the current time.
    private static func seconds(from start: UnsafePointer<ASN1_TIME>?, to end: UnsafePointer<ASN1_TIME>?) -> Int {
        var (days, seconds): (CInt, CInt) = (0, 0)
        unsafe _ = ASN1_TIME_diff(&days, &seconds, start, end)
        return Int(days) * 24 * 3600 + Int(seconds)
    }
}
