internal import COpenSSL
internal import LinuxIO
internal import Telemetry

/// The common settings of one end's connections: trusted authorities, own certificate, versions and cipher suites.
///
/// All clients with the same profile have one `SSL_CTX`, which takes 14 kB, and differ in their credentials.
///
/// It is Sendable and safe, because the `SSL_CTX` is complete before other code gets it, and does not change later.
/// OpenSSL counts its references, and only this folder uses it.
@safe public final class TLSContext: @unchecked Sendable {
    let pointer: OpaquePointer
    /// What a client's end has for itself alone; nil at the VM's end.
    let credentials: ClientCredentials?

    /// The node's end.
    ///
    /// The client checks the server with the PEM certificates of `authorities`, or the system's, and sends `identity`
    /// if the server requests it. A client without verification is for experiments only.
    /// - Throws: ``TLSError``: unusable PEM, or a profile that OpenSSL does not support.
    public static func client(
        trusting authorities: String?, identity: CertifiedKey?, profile: TLSProfile = .standard,
        verifiesPeer: Bool = true
    ) throws(TLSError) -> TLSContext {
        guard authorities == nil || verifiesPeer else {
            throw TLSError(.unusableProfile, "tls-skip-verify and an authority exclude each other: give one of them")
        }
        let trust: ClientTrust = verifiesPeer ? authorities == nil ? .system : .own : .everyone
        let shared = try sharedClient(trust, profile)
        return try unsafe TLSContext(
            shared, ClientCredentials(authorities: authorities, identity: identity, for: shared.pointer))
    }

    /// Whom the clients of an `SSL_CTX` trust.
    private enum ClientTrust {
        /// The authorities of their own credentials.
        case own
        /// The system's authorities.
        case system
        case everyone
    }

    private struct SharedClient {
        let trust: ClientTrust
        let profile: TLSProfile
        let context: TLSContext
    }

    /// A process uses few profiles.
    private static let sharedClients = Lock<[SharedClient]>([])

    private static func sharedClient(_ trust: ClientTrust, _ profile: TLSProfile) throws(TLSError) -> TLSContext {
        try sharedClients.withLock { (shared) throws(TLSError) in
            if let found = shared.first(where: { $0.trust == trust && $0.profile == profile }) { return found.context }
            let context = try unsafe TLSContext(TLS_client_method(), profile)
            try context.setUpClients(trust)
            // The system's authorities are read again for each use, because they may change.
            if trust != .system { shared.append(SharedClient(trust: trust, profile: profile, context: context)) }
            return context
        }
    }

    private func setUpClients(_ trust: ClientTrust) throws(TLSError) {
        if trust != .everyone { unsafe TLSPeer.verify(in: pointer, SSL_VERIFY_PEER) }
        switch trust {
        case .own: try trustPartialChains()
        case .system:
            try TLSContext.check(
                unsafe SSL_CTX_set_default_verify_paths(pointer), "the system's authorities", .unusableIdentity)
        case .everyone: break
        }
        unsafe ClientCredentials.install(in: pointer)
        unsafe copenssl_cache_client_sessions(pointer)
        unsafe SSL_CTX_sess_set_new_cb(pointer) { ssl, session in
            unsafe TLSSessionCache.keep(session, from: ssl)
        }
    }

    /// The VM's end.
    ///
    /// `clientAuthorities` is PEM text. If its first certificate is an authority, each client must send one of the
    /// certificates, or a certificate that one of them issued. Otherwise the first certificate is the node's own, and
    /// each client must send exactly this certificate. The certificates after it lead to its authority, which also
    /// issues certificates of others. With nil, all clients are accepted; use it only if the configuration says so.
    /// - Throws: ``TLSError``: unusable PEM, or a profile that OpenSSL does not support.
    public static func server(
        identity: CertifiedKey, clientAuthorities: String?, profile: TLSProfile = .standard
    ) throws(TLSError) -> TLSContext {
        let context = try unsafe TLSContext(TLS_server_method(), profile)
        try context.use(identity)
        if let clientAuthorities {
            try context.trust(clients: clientAuthorities)
            unsafe TLSPeer.verify(in: context.pointer, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT)
        }
        // Sessions are stored here, not inside the tickets. To decode the client's certificate from a ticket costs
        // OpenSSL 3.0 more than the rest of a resumed handshake.
        unsafe copenssl_cache_server_sessions(context.pointer, 64)
        let purpose = Array("agent-tunnel".utf8)
        try TLSContext.check(
            unsafe SSL_CTX_set_session_id_context(context.pointer, purpose, UInt32(purpose.count)),
            "session tickets", .failed)
        // The server sends one ticket for each full handshake. Only a full handshake requests a certificate. A
        // session can be resumed many times, so a further ticket would only wake the client.
        unsafe _ = SSL_CTX_set_num_tickets(context.pointer, 0)
        unsafe ApplicationProtocols.select(in: context.pointer)
        unsafe SSL_CTX_set_cert_cb(context.pointer, { ssl, _ in unsafe SSL_set_num_tickets(ssl, 1) }, nil)
        return context
    }

    private init(_ method: OpaquePointer?, _ profile: TLSProfile) throws(TLSError) {
        guard let pointer = unsafe SSL_CTX_new(method) else { throw OpenSSLError.last("making a TLS context") }
        unsafe self.pointer = pointer
        credentials = nil
        unsafe _ = copenssl_set_mode(pointer)
        unsafe _ = copenssl_set_options(pointer)
        unsafe copenssl_read_ahead(pointer)
        unsafe copenssl_limit_certificates(pointer, HandshakeLimit.bytes)
        try offer(profile)
    }

    private init(_ shared: TLSContext, _ credentials: ClientCredentials) {
        unsafe pointer = shared.pointer
        unsafe _ = SSL_CTX_up_ref(pointer)
        self.credentials = credentials
    }

    deinit { unsafe SSL_CTX_free(pointer) }

    /// OpenSSL's name of a cipher suite; nil if it has none.
    static func nameOfCipher(_ name: String) -> String? {
        // Go named these two suites before they had their final names.
        let legacy = ["TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305"]
        let standard = legacy.contains(name) ? name + "_SHA256" : name
        guard let found = unsafe OPENSSL_cipher_name(standard) else { return nil }
        let own = unsafe String(cString: found)
        return own == "(NONE)" ? nil : own
    }

    private func offer(_ profile: TLSProfile) throws(TLSError) {
        let version = profile.minimumVersion == .tls13 ? TLS1_3_VERSION : TLS1_2_VERSION
        try TLSContext.check(
            unsafe CInt(copenssl_set_min_version(pointer, version)), "tls-min-version", .unusableProfile)
        let names = profile.cipherSuites.compactMap(TLSContext.nameOfCipher)
        let modern = names.filter { $0.hasPrefix("TLS_") }
        let older = names.filter { !$0.hasPrefix("TLS_") }
        // AES-128 comes first, because it is secure and costs a quarter less than AES-256.
        let suites = modern.isEmpty ? TLSContext.modernSuites : modern
        try TLSContext.check(
            unsafe SSL_CTX_set_ciphersuites(pointer, suites.joined(separator: ":")), "tls-cipher-suites",
            .unusableProfile)
        if !older.isEmpty {
            try TLSContext.check(
                unsafe SSL_CTX_set_cipher_list(pointer, older.joined(separator: ":")), "tls-cipher-suites",
                .unusableProfile)
        } else if !modern.isEmpty {
            try TLSContext.check(
                unsafe CInt(copenssl_set_min_version(pointer, TLS1_3_VERSION)), "tls-cipher-suites", .unusableProfile)
        }
    }

    private static let modernSuites = [
        "TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
    ]

    private func use(_ identity: CertifiedKey) throws(TLSError) {
        let chain = try CertificateList.parse(identity.certificate, "certificate")
        for index in 0..<chain.count {
            let result =
                unsafe index == 0
                ? SSL_CTX_use_certificate(pointer, chain[index])
                : CInt(copenssl_add_context_chain(pointer, chain[index]))
            try TLSContext.check(result, "certificate", .unusableIdentity)
        }
        let key = try PrivateKey.parse(identity.key.reveal())
        try TLSContext.check(unsafe SSL_CTX_use_PrivateKey(pointer, key.pointer), "private key", .unusableIdentity)
        try TLSContext.check(unsafe SSL_CTX_check_private_key(pointer), "private key", .unusableIdentity)
    }

    private func trust(clients authorities: String) throws(TLSError) {
        let list = try CertificateList.parse(authorities, "client authority")
        try trust(list, first: list.beginsWithAuthority ? list.count : 1)
    }

    private func trust(_ list: borrowing CertificateList, first count: Int) throws(TLSError) {
        let store = unsafe SSL_CTX_get_cert_store(pointer)
        for index in 0..<count {
            try TLSContext.check(unsafe X509_STORE_add_cert(store, list[index]), "authority", .unusableIdentity)
        }
        try trustPartialChains()
    }

    /// Trusts each given certificate, self-signed or not. The node's certificate is its own authority, and Go accepts an
    /// intermediate certificate too.
    private func trustPartialChains() throws(TLSError) {
        try TLSContext.check(unsafe copenssl_trust_partial_chains(pointer), "authority", .failed)
    }

    /// Throws OpenSSL's latest error if `result` is not 1.
    static func check(_ result: CInt, _ subject: String, _ code: TLSError.Code) throws(TLSError) {
        if result != 1 {
            defer { OpenSSLError.clear() }
            throw OpenSSLError.last(subject, as: code)
        }
    }
}
