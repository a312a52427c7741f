internal import COpenSSL

/// The text about the dates of a refused certificate. An operator can see from it that a clock is wrong, and by how
/// much.
enum CertificateDates {
    /// The difference between now and the dates of the certificate in `verification`; nil if its dates are not the
    /// fault.
    static func problem(in verification: OpaquePointer?) -> String? {
        guard let certificate = unsafe X509_STORE_CTX_get_current_cert(verification) else { return nil }
        switch unsafe X509_STORE_CTX_get_error(verification) {
        case X509_V_ERR_CERT_NOT_YET_VALID:
            let start = unsafe X509_get0_notBefore(certificate)
            return unsafe "the certificate is valid from \(text(start)), and this machine's clock is"
                + " \(seconds(from: nil, to: start)) seconds behind"
        case X509_V_ERR_CERT_HAS_EXPIRED:
            let end = unsafe X509_get0_notAfter(certificate)
            return unsafe "the certificate was valid until \(text(end)), and this machine's clock is"
                + " \(seconds(from: end, to: nil)) seconds ahead"
        default: return nil
        }
    }

    /// The validity of the certificate of this end.
    static func ofOwnCertificate(_ certificate: OpaquePointer) -> String {
        unsafe "our certificate is valid from \(text(X509_get0_notBefore(certificate)))"
            + " until \(text(X509_get0_notAfter(certificate)))"
    }

    /// Nil means the current time.
    private static func seconds(
        from start: UnsafePointer<ASN1_TIME>?, to end: UnsafePointer<ASN1_TIME>?
    ) -> Int {
        var (days, seconds): (CInt, CInt) = (0, 0)
        unsafe _ = ASN1_TIME_diff(&days, &seconds, start, end)
        return Int(days) * 24 * 3600 + Int(seconds)
    }

    private static func text(_ time: UnsafePointer<ASN1_TIME>?) -> String {
        let text = try? unsafe PEM.text { unsafe ASN1_TIME_print_ex($0, time, UInt(ASN1_DTFLGS_ISO8601)) }
        return text ?? "an unreadable date"
    }
}
