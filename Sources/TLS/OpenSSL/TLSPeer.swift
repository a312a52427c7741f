internal import COpenSSL

/// The data of one connection's callbacks: their settings, and their records about the peer.
///
/// It is used only under the lock of the connection's ``TLSStream``, because OpenSSL invokes callbacks only during a
/// call of the stream.
final class TLSPeer {
    /// A client's authorities and certificate; nil at a server's end.
    let credentials: ClientCredentials?
    /// The store of a client's sessions; nil at a server's end.
    let cache: TLSSessionCache?
    /// The application protocols of a server; nil at a client's end.
    let protocols: ApplicationProtocols?
    /// The records of the peer since the handshake.
    var floodDetector = RecordFloodDetector()
    /// Whether the handshake has ended, so the peer is authenticated.
    var isEstablished = false
    /// The fault in the dates of the peer's certificates; nil if there is none.
    private(set) var dateProblem: String?

    init(_ credentials: ClientCredentials?, cache: TLSSessionCache?, protocols: ApplicationProtocols?) {
        self.credentials = credentials
        self.cache = cache
        self.protocols = protocols
    }

    /// Attaches this object to `ssl` for the callbacks. The caller keeps the object alive as long as `ssl`.
    func attach(to ssl: OpaquePointer) {
        unsafe _ = SSL_set_ex_data(ssl, TLSPeer.slot, Unmanaged.passUnretained(self).toOpaque())
        unsafe SSL_set_msg_callback(ssl) { isWritten, _, kind, bytes, count, ssl, _ in
            guard isWritten == 0, let ssl = unsafe ssl, let peer = unsafe TLSPeer.of(ssl), peer.isEstablished else {
                return
            }
            unsafe peer.note(kind, UnsafeRawBufferPointer(start: bytes, count: count))
            // OpenSSL then discards its buffered bytes, and returns.
            if peer.floodDetector.violation != nil {
                unsafe SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN)
            }
        }
    }

    /// Makes `context` verify its connections' peers, and record faults in the dates of their certificates here.
    static func verify(in context: OpaquePointer, _ mode: CInt) {
        unsafe SSL_CTX_set_verify(context, mode) { isGood, verification in
            if isGood == 1 { return isGood }
            let slot = SSL_get_ex_data_X509_STORE_CTX_idx()
            if let ssl = unsafe X509_STORE_CTX_get_ex_data(verification, slot),
                let peer = unsafe TLSPeer.of(OpaquePointer(ssl))
            {
                peer.dateProblem = unsafe CertificateDates.problem(in: verification)
            }
            return isGood
        }
    }

    /// The peer of a connection.
    static func of(_ ssl: OpaquePointer) -> TLSPeer? {
        unsafe SSL_get_ex_data(ssl, slot).map { unsafe Unmanaged<TLSPeer>.fromOpaque($0).takeUnretainedValue() }
    }

    /// The index that OpenSSL reserves for applications.
    private static var slot: CInt { 0 }

    private func note(_ kind: CInt, _ bytes: UnsafeRawBufferPointer) {
        switch kind {
        case SSL3_RT_HEADER: floodDetector.noteRecord()
        case SSL3_RT_HANDSHAKE:
            switch unsafe bytes.first.map(CInt.init) {
            case SSL3_MT_NEWSESSION_TICKET: floodDetector.noteTicket()
            case SSL3_MT_KEY_UPDATE: floodDetector.noteKeyUpdate()
            default: break
            }
        default: break
        }
    }
}
