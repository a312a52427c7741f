internal import COpenSSL

/// Converts OpenSSL's error queue into ``TLSError``.
enum OpenSSLError {
    /// Empties the queue, so later errors belong to the next call.
    static func clear() { ERR_clear_error() }

    /// The latest error of any kind, as a failure of `operation`.
    static func last(_ operation: String, as code: TLSError.Code = .failed) -> TLSError {
        TLSError(code, "\(operation): \(text(of: ERR_peek_last_error()))")
    }

    /// The failure of a handshake or of a transfer over `ssl` with `peer`.
    static func ofConnection(_ operation: String, _ ssl: OpaquePointer, _ peer: TLSPeer) -> TLSError {
        let error = ERR_peek_last_error()
        let reason = copenssl_is_ssl(error) != 0 ? copenssl_reason(error) : 0
        if reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
            let verification = unsafe SSL_get_verify_result(ssl)
            let words = unsafe String(cString: X509_verify_cert_error_string(verification))
            return TLSError(
                verdict(verification), [operation, words, peer.dateProblem].compactMap(\.self).joined(separator: ": "))
        }
        let code = code(of: reason)
        // The other end sends no reason. Its clock may be wrong.
        let dates = code == .refusedByPeer ? peer.credentials?.dates : nil
        return TLSError(code, [operation, text(of: error), dates].compactMap(\.self).joined(separator: ": "))
    }

    private static func verdict(_ result: Int) -> TLSError.Code {
        switch CInt(truncatingIfNeeded: result) {
        case X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_CERT_NOT_YET_VALID: .expiredPeer
        case X509_V_ERR_HOSTNAME_MISMATCH: .wrongName
        default: .untrustedPeer
        }
    }

    private static func code(of reason: CInt) -> TLSError.Code {
        switch reason {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: .anonymousPeer
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST: .notTLS
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_NO_SHARED_CIPHER, SSL_R_VERSION_TOO_LOW, SSL_R_WRONG_SSL_VERSION,
            SSL_R_NO_PROTOCOLS_AVAILABLE, alertBase + 40, alertBase + 70, alertBase + 71:
            .incompatible
        // bad_certificate to certificate_unknown, unknown_ca, access_denied, certificate_required
        case alertBase + 42...alertBase + 46, alertBase + 48, alertBase + 49, alertBase + 116: .refusedByPeer
        case alertBase + 120: .unknownProtocol
        default: .protocolViolation
        }
    }

    /// The reason for an alert of the peer is this number plus the alert's number (RFC 8446, 6.2).
    private static var alertBase: CInt { SSL_AD_REASON_OFFSET }

    private static func text(of error: UInt) -> String {
        guard error != 0 else { return "no reason given" }
        if let words = unsafe ERR_reason_error_string(error) { return unsafe String(cString: words) }
        return "OpenSSL error \(String(error, radix: 16))"
    }
}
