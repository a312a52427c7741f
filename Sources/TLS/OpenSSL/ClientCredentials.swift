internal import COpenSSL
internal import LinuxIO
internal import Telemetry

/// What a client's end has for itself alone: the authorities that it trusts, and its own certificate with its key.
///
/// OpenSSL's form of them takes several kilobytes, and only a full handshake needs it. So it is kept until the first
/// connection is established, which usually follows at once, and is made again for later full handshakes.
///
/// Concurrency: OpenSSL's objects are used only under the lock.
final class ClientCredentials: Sendable {
    /// OpenSSL's form.
    private final class Objects {
        let authorities: CertificateList
        let own: OwnCertificate?

        init(_ authorities: String?, _ identity: CertifiedKey?) throws(TLSError) {
            if let authorities {
                self.authorities = try CertificateList.parse(authorities, "authority")
            } else {
                self.authorities = CertificateList()
            }
            own = if let identity { try OwnCertificate(identity) } else { nil }
        }
    }

    private final class OwnCertificate {
        let chain: CertificateList
        let key: PrivateKey

        init(_ identity: CertifiedKey) throws(TLSError) {
            chain = try CertificateList.parse(identity.certificate, "certificate")
            key = try PrivateKey.parse(identity.key.reveal())
        }
    }

    private let authorities: String?
    private let identity: CertifiedKey?
    private let objects: Lock<Objects?>

    /// Checks the credentials with `context`.
    ///
    /// - Throws: ``TLSError/Code/unusableIdentity`` when a text is malformed, or the key belongs to another certificate.
    init(authorities: String?, identity: CertifiedKey?, for context: OpaquePointer) throws(TLSError) {
        self.authorities = authorities
        self.identity = identity
        objects = Lock(try Objects(authorities, identity))
        if identity == nil { return }
        guard let ssl = unsafe SSL_new(context) else { throw OpenSSLError.last("making a TLS connection") }
        defer { unsafe SSL_free(ssl) }
        try objects.withLock { (objects) throws(TLSError) in
            if let objects { unsafe try Self.show(objects, on: ssl) }
        }
    }

    /// Frees what only a full handshake needs.
    func release() { objects.withLock { $0 = nil } }

    /// The validity of the own certificate; nil without one.
    var dates: String? {
        guard let identity, let chain = try? CertificateList.parse(identity.certificate, "certificate") else {
            return nil
        }
        return unsafe CertificateDates.ofOwnCertificate(chain[0])
    }

    /// Makes connections of `context` take the certificate to send, and the authorities to trust, from their
    /// credentials.
    static func install(in context: OpaquePointer) {
        unsafe SSL_CTX_set_cert_cb(
            context,
            { ssl, _ in
                guard let ssl = unsafe ssl, let credentials = unsafe TLSPeer.of(ssl)?.credentials else { return 1 }
                return unsafe credentials.show(on: ssl) ? 1 : 0
            }, nil)
        unsafe SSL_CTX_set_cert_verify_callback(
            context,
            { verification, _ in
                let slot = SSL_get_ex_data_X509_STORE_CTX_idx()
                guard let verification = unsafe verification,
                    let ssl = unsafe X509_STORE_CTX_get_ex_data(verification, slot),
                    let credentials = unsafe TLSPeer.of(OpaquePointer(ssl))?.credentials
                else { return 0 }
                return unsafe credentials.verify(verification)
            }, nil)
    }

    /// Shows the certificate to the server of `ssl`, which has requested it.
    private func show(on ssl: OpaquePointer) -> Bool {
        withObjects { objects in (try? unsafe Self.show(objects, on: ssl)) != nil } ?? false
    }

    private static func show(_ objects: Objects, on ssl: OpaquePointer) throws(TLSError) {
        guard let own = objects.own else { return }
        for index in 0..<own.chain.count {
            let result =
                unsafe index == 0
                ? SSL_use_certificate(ssl, own.chain[index]) : CInt(copenssl_add_chain(ssl, own.chain[index]))
            try TLSContext.check(result, "certificate", .unusableIdentity)
        }
        try TLSContext.check(unsafe SSL_use_PrivateKey(ssl, own.key.pointer), "private key", .unusableIdentity)
        try TLSContext.check(unsafe SSL_check_private_key(ssl), "private key", .unusableIdentity)
    }

    /// OpenSSL's own verification of the peer, with these authorities. Returns 1 if the peer is trusted.
    private func verify(_ verification: OpaquePointer) -> CInt {
        // Then the context has the authorities, or does not verify.
        guard authorities != nil else { return unsafe X509_verify_cert(verification) }
        let result = withObjects { objects -> CInt in
            guard let trusted = unsafe OPENSSL_sk_new_null() else { return 0 }
            // The stack only borrows the certificates.
            defer { unsafe OPENSSL_sk_free(trusted) }
            for index in 0..<objects.authorities.count {
                unsafe _ = OPENSSL_sk_push(trusted, UnsafeRawPointer(objects.authorities[index]))
            }
            unsafe X509_STORE_CTX_set0_trusted_stack(verification, trusted)
            let result = unsafe X509_verify_cert(verification)
            // The connection would keep the chain with the authorities, and no code reads it.
            if result == 1 { unsafe X509_STORE_CTX_set0_verified_chain(verification, nil) }
            return result
        }
        return result ?? 0
    }

    private func withObjects<Result>(_ body: (Objects) -> Result) -> Result? {
        objects.withLock { objects in
            if objects == nil { objects = try? Objects(authorities, identity) }
            return objects.map(body)
        }
    }
}
