internal import COpenSSL

/// The certificates of a PEM text, in order.
///
/// It is safe, because this value owns the pointers and frees them.
@safe struct CertificateList: ~Copyable {
    private var certificates: [OpaquePointer]

    /// - Throws: ``TLSError/Code/unusableIdentity`` when `pem` has no certificate, or a malformed one.
    static func parse(_ pem: String, _ subject: String) throws(TLSError) -> CertificateList {
        let source = try PEMSource.open(pem)
        var list = CertificateList()
        while let certificate = unsafe PEM_read_bio_X509(source.pointer, nil, nil, nil) {
            unsafe list.certificates.append(certificate)
        }
        // The reader always ends with an error. The expected error is "no further PEM block".
        let isAtEnd = copenssl_reason(ERR_peek_last_error()) == PEM_R_NO_START_LINE
        defer { OpenSSLError.clear() }
        if unsafe list.certificates.isEmpty || !isAtEnd {
            throw OpenSSLError.last(subject, as: .unusableIdentity)
        }
        return list
    }

    /// No certificates.
    init() { unsafe certificates = [] }

    deinit {
        for index in unsafe certificates.indices { unsafe X509_free(certificates[index]) }
    }

    var count: Int { unsafe certificates.count }

    /// Whether the first certificate may issue other certificates.
    var beginsWithAuthority: Bool { unsafe !certificates.isEmpty && X509_check_ca(certificates[0]) != 0 }

    /// Only the first certificate, in PEM.
    func first() throws(TLSError) -> String {
        try unsafe PEM.text { unsafe PEM_write_bio_X509($0, certificates[0]) }
    }

    subscript(index: Int) -> OpaquePointer { unsafe certificates[index] }
}

/// A private key read from PEM.
///
/// It is safe, because this value owns the pointer and frees it.
@safe struct PrivateKey: ~Copyable {
    let pointer: OpaquePointer

    /// - Throws: ``TLSError/Code/unusableIdentity`` when `pem` has no unencrypted key.
    static func parse(_ pem: String) throws(TLSError) -> PrivateKey {
        let source = try PEMSource.open(pem)
        // Without a callback OpenSSL would read the password of an encrypted key from the terminal.
        guard let pointer = unsafe PEM_read_bio_PrivateKey(source.pointer, nil, { _, _, _, _ in -1 }, nil) else {
            defer { OpenSSLError.clear() }
            throw OpenSSLError.last("private key", as: .unusableIdentity)
        }
        return unsafe PrivateKey(owning: pointer)
    }

    private init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe EVP_PKEY_free(pointer) }
}

/// A text as an input of OpenSSL.
@safe private struct PEMSource: ~Copyable {
    let pointer: OpaquePointer

    static func open(_ text: String) throws(TLSError) -> PEMSource {
        guard let pointer = unsafe BIO_new(BIO_s_secmem()) else { throw OpenSSLError.last("reading PEM") }
        let source = unsafe PEMSource(owning: pointer)
        let bytes = Array(text.utf8)
        unsafe _ = BIO_write(source.pointer, bytes, CInt(clamping: bytes.count))
        return source
    }

    private init(owning pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe BIO_free_all(pointer) }
}

/// Text that OpenSSL writes, such as PEM and dates.
enum PEM {
    static func text(_ write: (OpaquePointer) -> CInt) throws(TLSError) -> String {
        // OpenSSL erases secure memory before it frees the memory. The text may contain a private key.
        guard let sink = unsafe BIO_new(BIO_s_secmem()) else { throw OpenSSLError.last("writing text") }
        defer { unsafe BIO_free_all(sink) }
        guard unsafe write(sink) == 1 else { throw OpenSSLError.last("writing text") }
        var start: UnsafeMutablePointer<CChar>?
        let count = unsafe copenssl_memory(sink, &start)
        let bytes = unsafe UnsafeRawBufferPointer(start: start, count: max(0, count))
        return unsafe String(decoding: bytes, as: UTF8.self)
    }
}
