internal import COpenSSL
internal import Telemetry

/// A certificate that the adaptor makes, with its private key.
///
/// It is safe, because this value owns both pointers and frees them. Other files get only PEM text.
@safe struct IssuedCertificate: ~Copyable {
    private let certificate: OpaquePointer
    private let key: OpaquePointer

    /// Makes a P-256 key and a self-signed certificate for it.
    ///
    /// `validity` is in seconds from now.
    static func selfSigned(
        _ template: CertificateTemplate, validity: ClosedRange<Int> = CertificateTemplate.validity
    ) throws(TLSError) -> IssuedCertificate {
        let made = try blank()
        try unsafe made.fill(template, validity, issuer: made.certificate, signingKey: made.key)
        return made
    }

    /// Makes a P-256 key and a certificate for it, signed by `issuer`.
    static func issued(
        _ template: CertificateTemplate, by issuer: borrowing IssuedCertificate,
        validity: ClosedRange<Int> = CertificateTemplate.validity
    ) throws(TLSError) -> IssuedCertificate {
        let made = try blank()
        try unsafe made.fill(template, validity, issuer: issuer.certificate, signingKey: issuer.key)
        return made
    }

    /// Makes a P-256 key and a certificate for it, signed by the first certificate of `issuers`, to which `key` belongs.
    static func issued(
        _ template: CertificateTemplate, by issuers: borrowing CertificateList, key: borrowing PrivateKey,
        validity: ClosedRange<Int>
    ) throws(TLSError) -> IssuedCertificate {
        guard unsafe X509_check_private_key(issuers[0], key.pointer) == 1 else {
            defer { OpenSSLError.clear() }
            throw OpenSSLError.last("the authority's key", as: .unusableIdentity)
        }
        let made = try blank()
        try unsafe made.fill(template, validity, issuer: issuers[0], signingKey: key.pointer)
        return made
    }

    private static func blank() throws(TLSError) -> IssuedCertificate {
        guard let key = unsafe copenssl_make_p256_key() else { throw OpenSSLError.last("making a key") }
        guard let certificate = unsafe X509_new() else {
            unsafe EVP_PKEY_free(key)
            throw OpenSSLError.last("making a certificate")
        }
        return unsafe IssuedCertificate(certificate: certificate, key: key)
    }

    private init(certificate: OpaquePointer, key: OpaquePointer) {
        unsafe self.certificate = certificate
        unsafe self.key = key
    }

    private borrowing func fill(
        _ template: CertificateTemplate, _ validity: ClosedRange<Int>, issuer: OpaquePointer,
        signingKey: OpaquePointer
    ) throws(TLSError) {
        try IssuedCertificate.check(unsafe X509_set_version(certificate, Int(X509_VERSION_3)))
        try setSerialNumber()
        try setValidity(validity)
        try setSubject(template)
        try IssuedCertificate.check(unsafe X509_set_issuer_name(certificate, X509_get_subject_name(issuer)))
        try IssuedCertificate.check(unsafe copenssl_set_p256_key(certificate, key))
        for (kind, value) in template.extensions {
            try IssuedCertificate.check(unsafe copenssl_add_extension(certificate, issuer, kind, value))
        }
        let length = unsafe X509_sign(certificate, signingKey, EVP_sha256())
        try IssuedCertificate.check(length > 0 ? 1 : 0)
    }

    deinit {
        unsafe X509_free(certificate)
        unsafe EVP_PKEY_free(key)
    }

    /// The certificate and its key, both in PEM.
    borrowing func certifiedKey() throws(TLSError) -> CertifiedKey {
        CertifiedKey(certificate: try certificatePEM(), key: Secret(try keyPEM()))
    }

    /// The certificate in PEM.
    borrowing func certificatePEM() throws(TLSError) -> String {
        try unsafe PEM.text { unsafe PEM_write_bio_X509($0, certificate) }
    }

    private borrowing func keyPEM() throws(TLSError) -> String {
        try unsafe PEM.text { unsafe PEM_write_bio_PrivateKey($0, key, nil, nil, 0, nil, nil) }
    }

    private borrowing func setSerialNumber() throws(TLSError) {
        guard let number = unsafe BN_new() else { throw OpenSSLError.last("making a serial number") }
        defer { unsafe BN_free(number) }
        try IssuedCertificate.check(unsafe BN_rand(number, 128, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY))
        guard let serial = unsafe BN_to_ASN1_INTEGER(number, nil) else {
            throw OpenSSLError.last("making a serial number")
        }
        defer { unsafe ASN1_INTEGER_free(serial) }
        try IssuedCertificate.check(unsafe X509_set_serialNumber(certificate, serial))
    }

    private borrowing func setValidity(_ validity: ClosedRange<Int>) throws(TLSError) {
        let start = unsafe X509_gmtime_adj(X509_getm_notBefore(certificate), validity.lowerBound)
        let end = unsafe X509_gmtime_adj(X509_getm_notAfter(certificate), validity.upperBound)
        try IssuedCertificate.check(unsafe start != nil && end != nil ? 1 : 0)
    }

    private borrowing func setSubject(_ template: CertificateTemplate) throws(TLSError) {
        let subject = unsafe X509_get_subject_name(certificate)
        for (kind, value) in [("O", template.organization), ("CN", template.commonName)] {
            guard let value else { continue }
            try IssuedCertificate.check(
                unsafe X509_NAME_add_entry_by_txt(subject, kind, MBSTRING_UTF8, value, -1, -1, 0))
        }
    }

    private static func check(_ result: CInt) throws(TLSError) {
        if result != 1 { throw OpenSSLError.last("making a certificate") }
    }
}

extension CertificateTemplate {
    /// X.509 extensions in OpenSSL's configuration syntax. The Go peers require each of them.
    fileprivate var extensions: [(kind: CInt, value: String)] {
        switch role {
        case .authority:
            [
                (NID_basic_constraints, "critical,CA:TRUE"), (NID_key_usage, "critical,digitalSignature,keyCertSign"),
                (NID_ext_key_usage, "serverAuth"), (NID_subject_key_identifier, "hash"),
            ]
        case .server(let name):
            [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth"), (NID_authority_key_identifier, "keyid"),
                (NID_subject_alt_name, "DNS:\(name)"),
            ]
        case .servers(let names):
            [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "serverAuth"), (NID_authority_key_identifier, "keyid"),
                (NID_subject_alt_name, names.map { "DNS:\($0)" }.joined(separator: ",")),
            ]
        case .client:
            [
                (NID_basic_constraints, "critical,CA:FALSE"), (NID_key_usage, "critical,digitalSignature"),
                (NID_ext_key_usage, "clientAuth"),
            ]
        }
    }
}
