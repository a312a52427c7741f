internal import COpenSSL

/// What the callbacks of one connection know, and what they note of its peer.
///
/// Used only under the lock of the ``TLSStream`` whose connection it is: OpenSSL calls back from inside of our calls
/// alone.
final class TLSPeer {
    /// Where a client leaves its sessions; nil at a server's end.
    let cache: TLSSessionCache?
    /// What a server speaks; nil at a client's end.
    let protocols: ApplicationProtocols?
    /// How the peer has behaved since the handshake.
    var floodDetector = RecordFloodDetector()
    /// Whether the handshake is done, and the peer known.
    var isEstablished = false
    /// What is wrong with the dates of the peer's certificates; nil if nothing is.
    private(set) var dateProblem: String?

    init(cache: TLSSessionCache?, protocols: ApplicationProtocols?) {
        self.cache = cache
        self.protocols = protocols
    }

    /// Makes the callbacks of `ssl` find this. The caller keeps it alive as long as `ssl`.
    func attach(to ssl: OpaquePointer) {
        unsafe _ = SSL_set_ex_data(ssl, TLSPeer.slot, Unmanaged.passUnretained(self).toOpaque())
        unsafe SSL_set_msg_callback(ssl) { isWritten, _, kind, bytes, count, ssl, _ in
            guard isWritten == 0, let ssl = unsafe ssl, let peer = unsafe TLSPeer.of(ssl), peer.isEstablished else {
                return
            }
            unsafe peer.note(kind, UnsafeRawBufferPointer(start: bytes, count: count))
            // OpenSSL then drops what it has, and returns.
            if peer.floodDetector.violation != nil {
                unsafe SSL_set_shutdown(ssl, SSL_get_shutdown(ssl) | SSL_RECEIVED_SHUTDOWN)
            }
        }
    }

    /// Makes `context` verify its connections' peers, and note here what is wrong with their certificates' dates.
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

    /// The slot that OpenSSL leaves to applications.
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
