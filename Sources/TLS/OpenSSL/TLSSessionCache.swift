internal import COpenSSL
internal import LinuxIO

/// The latest session with one server. The next connection resumes it.
///
/// A connection that resumes a session does not exchange certificates. It costs a tenth of a full handshake, and has
/// one message less. Each sandbox has its own cache. A session is as secure as its first handshake, and ends with
/// the process.
public final class TLSSessionCache: Sendable {
    private let session = Lock<KeptSession?>(nil)

    /// Makes an empty cache.
    public init() {}

    /// Whether the cache has no session that the next connection can resume.
    public var isEmpty: Bool { session.withLock { session in !(session?.isResumable ?? false) } }

    /// Sets the session that `ssl` tries to resume. If the server refuses it, OpenSSL makes a full handshake.
    func offer(to ssl: OpaquePointer) {
        session.withLock { session in
            guard session?.isResumable == true else { return }
            // `ssl` gets a copy, because OpenSSL does not resume a session twice.
            let copy = unsafe SSL_SESSION_dup(session?.pointer)
            unsafe _ = SSL_set_session(ssl, copy)
            unsafe SSL_SESSION_free(copy)
        }
    }

    /// OpenSSL's callback. If `ssl` has a cache, it stores `session` and returns 1.
    static func keep(_ session: OpaquePointer?, from ssl: OpaquePointer?) -> CInt {
        guard let session = unsafe session, let ssl = unsafe ssl, let cache = unsafe TLSPeer.of(ssl)?.cache else {
            return 0
        }
        cache.session.withLock { $0 = unsafe KeptSession(session) }
        return 1
    }
}

/// One reference to a session. It is safe, because OpenSSL counts references and the owner releases this one.
@safe private struct KeptSession: ~Copyable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe SSL_SESSION_free(pointer) }

    var isResumable: Bool { unsafe SSL_SESSION_is_resumable(pointer) == 1 }
}
