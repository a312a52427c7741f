internal import COpenSSL
internal import LinuxIO

/// The latest session with one server, for the next connection to resume.
///
/// A connection that resumes a session skips the certificates of both sides: it costs a
/// tenth, and one message less. One cache belongs to one sandbox; a session is as secure
/// as the handshake that it came from, and does not outlive the process.
public final class TLSSessionCache: Sendable {
    private let session = Lock<KeptSession?>(nil)

    /// An empty cache.
    public init() {}

    /// Whether a next connection could resume.
    public var isEmpty: Bool { session.withLock { session in !(session?.isResumable ?? false) } }

    /// Gives `ssl` the session to try; it falls back to a full handshake by itself.
    func offer(to ssl: OpaquePointer) {
        session.withLock { session in
            guard session?.isResumable == true else { return }
            // A copy, since OpenSSL takes what was used once for used up.
            let copy = unsafe SSL_SESSION_dup(session?.pointer)
            unsafe _ = SSL_set_session(ssl, copy)
            unsafe SSL_SESSION_free(copy)
        }
    }

    /// OpenSSL's callback: takes over `session`, that is returns 1, if `ssl` has a cache.
    static func keep(_ session: OpaquePointer?, from ssl: OpaquePointer?) -> CInt {
        guard let session = unsafe session, let ssl = unsafe ssl, let cache = unsafe TLSPeer.of(ssl)?.cache else {
            return 0
        }
        cache.session.withLock { $0 = unsafe KeptSession(session) }
        return 1
    }
}

/// One reference to a session. Safe, because it is counted, and ended with its owner.
@safe private struct KeptSession: ~Copyable {
    let pointer: OpaquePointer

    init(_ pointer: OpaquePointer) { unsafe self.pointer = pointer }

    deinit { unsafe SSL_SESSION_free(pointer) }

    var isResumable: Bool { unsafe SSL_SESSION_is_resumable(pointer) == 1 }
}
