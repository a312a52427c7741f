internal import COpenSSL
internal import LinuxIO

/// One TLS connection: OpenSSL's state machine between plain bytes and a ``TLSTransport``.
///
/// It is safe, because this value owns the pointers and frees them, and no other file uses them. It is not thread-safe,
/// because `SSL` is not; ``TLSStream`` protects it with a lock.
@safe struct TLSSession: ~Copyable {
    private let ssl: OpaquePointer
    private let transport: TLSTransport
    /// The peer. The session keeps it alive, because `ssl` points to it.
    private let peer: TLSPeer
    /// The error that ended the connection. The caller first gets the bytes that were read before the error.
    private var failure: (any Error)?

    /// The number of encrypted bytes to read from the socket in one call.
    private static let readSize = 128 << 10
    /// The maximum number of plain bytes in a record.
    private static let recordSize = 16 << 10

    /// The node's end of a connection to `serverName`. With nil the name is not checked.
    ///
    /// `protocolName` is the application protocol to request; with nil none is requested.
    static func client(
        _ context: TLSContext, over transport: TLSTransport, serverName: String?, cache: TLSSessionCache,
        speaking protocolName: String? = nil
    ) throws(TLSError) -> TLSSession {
        let peer = TLSPeer(context.credentials, cache: cache, protocols: nil)
        let session = try TLSSession.make(context, over: transport, peer)
        if let serverName {
            guard unsafe copenssl_set_server_name(session.ssl, serverName) == 1,
                unsafe SSL_set1_host(session.ssl, serverName) == 1
            else { throw OpenSSLError.last("server name '\(serverName)'") }
        }
        if let protocolName {
            let wire = [UInt8(clamping: protocolName.utf8.count)] + protocolName.utf8
            // Unlike most OpenSSL functions, this function returns 0 on success.
            guard unsafe SSL_set_alpn_protos(session.ssl, wire, UInt32(wire.count)) == 0 else {
                throw OpenSSLError.last("application protocol '\(protocolName)'")
            }
        }
        unsafe cache.offer(to: session.ssl)
        unsafe SSL_set_connect_state(session.ssl)
        return session
    }

    /// The VM's end of a connection. It uses one of `protocols` if the client requests it.
    static func server(
        _ context: TLSContext, over transport: TLSTransport, protocols: ApplicationProtocols? = nil
    ) throws(TLSError) -> TLSSession {
        let session = try TLSSession.make(context, over: transport, TLSPeer(nil, cache: nil, protocols: protocols))
        unsafe SSL_set_accept_state(session.ssl)
        return session
    }

    private static func make(
        _ context: TLSContext, over transport: TLSTransport, _ peer: TLSPeer
    ) throws(TLSError) -> TLSSession {
        guard let ssl = unsafe SSL_new(context.pointer) else { throw OpenSSLError.last("making a TLS connection") }
        let session = unsafe TLSSession(owning: ssl, transport, peer)
        unsafe peer.attach(to: ssl)
        guard let bio = unsafe TransportBIO.make(over: transport) else {
            throw OpenSSLError.last("making a TLS connection")
        }
        unsafe SSL_set_bio(ssl, bio, bio)
        return session
    }

    private init(owning ssl: OpaquePointer, _ transport: TLSTransport, _ peer: TLSPeer) {
        unsafe self.ssl = ssl
        self.transport = transport
        self.peer = peer
    }

    deinit {
        // Without this call OpenSSL marks the session as broken, and later connections cannot resume it.
        unsafe SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        unsafe SSL_free(ssl)
    }

    /// Continues the handshake: true when it has ended, false when more bytes must arrive first.
    mutating func handshake() throws -> Bool {
        OpenSSLError.clear()
        let result = unsafe SSL_do_handshake(ssl)
        if result == 1 {
            peer.isEstablished = true
            if let credentials = peer.credentials {
                // There is no second handshake: renegotiation is off.
                credentials.release()
                unsafe SSL_certs_clear(ssl)
            }
            transport.endHandshake()
            // After the handshake one system call reads many records; before, it reads one record.
            unsafe SSL_set_default_read_buffer_len(ssl, TLSSession.readSize)
            return true
        }
        if let error = failure(after: result, "handshake") { throw error }
        return false
    }

    /// Decrypts the records that have arrived, until `buffer` is full or the turn ends.
    ///
    /// Returns the number of bytes, 0 after the peer's `close_notify`, or nil if no bytes have arrived or the turn has
    /// ended: see ``endTurn()``.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int? {
        if let failure { throw failure }
        var count = 0
        while count < buffer.count, !peer.floodDetector.isTurnOver {
            OpenSSLError.clear()
            let room = CInt(clamping: buffer.count - count)
            let result = unsafe SSL_read(ssl, buffer.baseAddress.map { unsafe $0 + count }, room)
            if result > 0 {
                count += Int(result)
                peer.floodDetector.noteBytes(Int(result))
                continue
            }
            if peer.floodDetector.violation == nil, unsafe SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN {
                return count
            }
            if let error = failure(after: result, "reading") {
                if count == 0 { throw error }
                failure = error
            }
            // The context's mode releases buffers, but reading allocates a buffer for writing and keeps it.
            unsafe _ = SSL_free_buffers(ssl)
            break
        }
        return count == 0 ? nil : count
    }

    /// Returns whether other connections get their turn before the next read. If so, begins the next turn.
    mutating func endTurn() -> Bool {
        guard peer.floodDetector.isTurnOver else { return false }
        peer.floodDetector.beginTurn()
        return true
    }

    /// Encrypts all of `bytes` into the transport.
    mutating func write(_ bytes: UnsafeRawBufferPointer) throws {
        var written = 0
        while written < bytes.count {
            OpenSSLError.clear()
            let left = CInt(clamping: bytes.count - written)
            let result = unsafe SSL_write(ssl, bytes.baseAddress.map { unsafe $0 + written }, left)
            if result <= 0 {
                throw failure(after: result, "writing") ?? TLSError(.failed, "cannot write")
            }
            written += Int(result)
        }
    }

    /// Encrypts `head` and `body` into the transport, in one record if they fit.
    mutating func write(_ head: UnsafeRawBufferPointer, _ body: UnsafeRawBufferPointer) throws {
        let count = head.count + body.count
        guard count <= TLSSession.recordSize else {
            unsafe try write(head)
            return unsafe try write(body)
        }
        try unsafe withUnsafeTemporaryAllocation(byteCount: count, alignment: 16) { record in
            unsafe record.copyMemory(from: head)
            unsafe UnsafeMutableRawBufferPointer(rebasing: record[head.count...]).copyMemory(from: body)
            unsafe try write(UnsafeRawBufferPointer(record))
        }
    }

    /// Encrypts a `close_notify` alert into the transport. Reading is still possible.
    mutating func sendCloseNotify() {
        OpenSSLError.clear()
        unsafe _ = SSL_shutdown(ssl)
    }

    /// Returns whether the server has certainly accepted our certificate.
    ///
    /// Reads the records that have arrived, but no application bytes.
    mutating func isAccepted() throws -> Bool {
        // Before TLS 1.3, and with a resumed session, a successful handshake means acceptance.
        if unsafe SSL_version(ssl) != TLS1_3_VERSION || isResumed { return true }
        OpenSSLError.clear()
        var byte: UInt8 = 0
        let result = unsafe SSL_peek(ssl, &byte, 1)
        if result <= 0, let error = failure(after: result, "handshake") { throw error }
        return result > 0 || peer.cache?.isEmpty == false
    }

    /// Whether this connection resumed an earlier session.
    var isResumed: Bool { unsafe SSL_session_reused(ssl) == 1 }

    /// The negotiated application protocol; nil if there is none.
    var applicationProtocol: String? {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        unsafe SSL_get0_alpn_selected(ssl, &name, &length)
        guard let name = unsafe name, length > 0 else { return nil }
        return unsafe String(decoding: UnsafeBufferPointer(start: name, count: Int(length)), as: UTF8.self)
    }

    /// The SHA-256 hash of the peer's certificate; nil without a certificate.
    var peerFingerprint: [UInt8]? {
        guard let certificate = unsafe SSL_get0_peer_certificate(ssl) else { return nil }
        var hash = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        guard unsafe X509_digest(certificate, EVP_sha256(), &hash, &length) == 1 else { return nil }
        return Array(hash[..<Int(length)])
    }

    /// The negotiated version and cipher suite, such as `TLSv1.3 TLS_AES_128_GCM_SHA256`.
    var parameters: String {
        let version = unsafe SSL_get_version(ssl).map { unsafe String(cString: $0) } ?? "?"
        let cipher = unsafe SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl)).map { unsafe String(cString: $0) }
        return "\(version) \(cipher ?? "?")"
    }

    /// The error for `result`; nil if `result` only means that more bytes must arrive.
    private func failure(after result: CInt, _ operation: String) -> (any Error)? {
        if let violation = peer.floodDetector.violation {
            return TLSError(.protocolViolation, "TLS \(operation): \(violation.description)")
        }
        return switch unsafe SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: nil
        case SSL_ERROR_SSL:
            unsafe OpenSSLError.ofConnection("TLS \(operation)", ssl, peer)
        default:
            transport.failure
                ?? TLSError(
                    .connectionLost, "TLS \(operation): the peer closed the connection without a close_notify alert")
        }
    }
}

/// The BIO by which OpenSSL reads and writes a ``TLSTransport``.
///
/// A socket BIO would make a system call for each written record, and another for each read without data. The transport
/// collects written records, and knows when there is no data.
@safe private enum TransportBIO {
    /// The method table. A process makes it once, because OpenSSL requires it.
    private nonisolated(unsafe) static let method: OpaquePointer? = {
        let method = unsafe BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "tunnel transport")
        unsafe BIO_meth_set_read(method) { bio, buffer, count in
            unsafe copenssl_clear_retry(bio)
            let room = unsafe UnsafeMutableRawBufferPointer(start: buffer, count: Int(count))
            guard let transport = unsafe transport(of: bio) else { return -1 }
            guard let read = unsafe transport.receive(into: room) else {
                if transport.failure == nil { unsafe copenssl_retry_read(bio) }
                return -1
            }
            return CInt(read)
        }
        unsafe BIO_meth_set_write(method) { bio, bytes, count in
            unsafe copenssl_clear_retry(bio)
            unsafe transport(of: bio)?.gather(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
            return count
        }
        unsafe BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
        unsafe BIO_meth_set_create(method) { bio in
            unsafe BIO_set_init(bio, 1)
            return 1
        }
        return unsafe method
    }()

    /// Makes a BIO for `transport`. The caller keeps `transport` alive as long as the BIO.
    static func make(over transport: TLSTransport) -> OpaquePointer? {
        guard let bio = unsafe BIO_new(method) else { return nil }
        unsafe BIO_set_data(bio, Unmanaged.passUnretained(transport).toOpaque())
        return unsafe bio
    }

    private static func transport(of bio: OpaquePointer?) -> TLSTransport? {
        unsafe BIO_get_data(bio).map { unsafe Unmanaged<TLSTransport>.fromOpaque($0).takeUnretainedValue() }
    }
}
