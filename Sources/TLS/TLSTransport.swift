internal import LinuxIO

/// Encrypted bytes between OpenSSL and a socket.
///
/// The transport collects OpenSSL's output, and ``flush()`` sends it in one system call. The buffer comes from the
/// process's pool, and returns to the pool after the bytes are sent.
/// It is not thread-safe: the owner of the ``TLSSession`` owns the transport.
final class TLSTransport {
    private let stream: Stream
    private var outgoing: PooledBuffer?
    private var gathered = 0
    private var sent = 0
    /// The limit of the peer's bytes; nil after its handshake.
    private var handshake: HandshakeLimit? = HandshakeLimit()
    /// The error of the socket or of the peer's handshake, if there is one.
    private(set) var failure: (any Error)?

    init(_ stream: Stream) { self.stream = stream }

    /// The maximum number of plain bytes for which `capacity` is sufficient after encryption.
    ///
    /// A record of 16 KiB grows by at most 85 bytes (CBC with SHA-384 in TLS 1.2).
    static func plainLimit(capacity: Int) -> Int { capacity - capacity / 64 - 2048 }

    /// Reads bytes that have arrived. Returns their number, 0 at the end, or nil if none arrived or the socket failed.
    func receive(into room: UnsafeMutableRawBufferPointer) -> Int? {
        do {
            guard let handshake else { return unsafe try stream.tryRead(into: room) }
            // Bytes after the handshake stay in the socket.
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: room.prefix(handshake.left))
            if unsafe room.isEmpty { throw HandshakeLimit.exceeded }
            guard let count = unsafe try stream.tryRead(into: room) else { return nil }
            try unsafe self.handshake?.take(UnsafeRawBufferPointer(rebasing: room[..<count]))
            return count
        } catch {
            failure = error
            return nil
        }
    }

    /// Removes the limit, because the peer is authenticated.
    func endHandshake() { handshake = nil }

    /// Keeps a copy of `bytes` for the next ``flush()``.
    func gather(_ bytes: UnsafeRawBufferPointer) {
        let needed = gathered + bytes.count
        if outgoing == nil { outgoing = BufferPool.shared.borrow() }
        if capacity < needed { grow(to: needed) }
        guard let room = unsafe outgoing?.bytes else { return }
        unsafe UnsafeMutableRawBufferPointer(rebasing: room[gathered..<needed]).copyMemory(from: bytes)
        gathered = needed
    }

    /// Borrows a buffer for ``gather(_:)``, and returns the number of plain bytes that fit.
    func prepare() -> Int {
        if outgoing == nil { outgoing = BufferPool.shared.borrow() }
        return max(1, TLSTransport.plainLimit(capacity: capacity) - gathered)
    }

    /// Sends the collected bytes: true when all bytes are sent, false when the socket's buffer is full.
    func flush() throws -> Bool {
        if outgoing == nil { return true }
        do {
            while sent < gathered {
                guard let room = unsafe outgoing?.bytes else { break }
                guard let count = unsafe try stream.tryWrite(UnsafeRawBufferPointer(rebasing: room[sent..<gathered]))
                else { return false }
                sent += count
            }
        } catch {
            failure = error
            drop()
            throw error
        }
        drop()
        return true
    }

    private var capacity: Int { unsafe outgoing?.bytes.count ?? 0 }

    private func drop() {
        outgoing = nil
        gathered = 0
        sent = 0
    }

    // Needed for a long certificate chain while the pool has only small blocks.
    private func grow(to size: Int) {
        let larger = BufferPool.privateBlock(size: size * 2)
        if let old = unsafe outgoing?.bytes {
            unsafe larger.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: old[..<gathered]))
        }
        outgoing = consume larger
    }
}
