internal import LinuxIO

/// Encrypted bytes between OpenSSL and a socket.
///
/// What OpenSSL writes is gathered here and sent by ``flush()`` in one system call; room
/// for it is borrowed from the process's pool and given back once the bytes are gone.
/// Not thread-safe: the owner of the ``TLSSession`` owns the transport.
final class TLSTransport {
    private let stream: Stream
    private var outgoing: PooledBuffer?
    private var gathered = 0
    private var sent = 0
    /// What the peer may still send; nil once its handshake has ended.
    private var handshake: HandshakeLimit? = HandshakeLimit()
    /// What the socket, or the peer's handshake, failed with, if it did.
    private(set) var failure: (any Error)?

    init(_ stream: Stream) { self.stream = stream }

    /// The most plain bytes whose encryption surely fits what is gathered at once.
    ///
    /// A record of 16 KiB grows by 85 bytes at worst (CBC with SHA-384 in TLS 1.2).
    static func plainLimit(capacity: Int) -> Int { capacity - capacity / 64 - 2048 }

    /// Reads what has arrived: how many bytes, 0 at the end, nil when nothing has or the socket failed.
    func receive(into room: UnsafeMutableRawBufferPointer) -> Int? {
        do {
            guard let handshake else { return unsafe try stream.tryRead(into: room) }
            // What follows the handshake waits in the socket.
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

    /// The peer is known: from now on it may send as much as it likes.
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

    /// Borrows room for ``gather(_:)``, and says how many plain bytes may go in.
    func prepare() -> Int {
        if outgoing == nil { outgoing = BufferPool.shared.borrow() }
        return max(1, TLSTransport.plainLimit(capacity: capacity) - gathered)
    }

    /// Sends what is gathered: true when all of it is gone, false when the socket is full.
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

    // A long certificate chain while the pool has only small blocks left.
    private func grow(to size: Int) {
        let larger = BufferPool.privateBlock(size: size * 2)
        if let old = unsafe outgoing?.bytes {
            unsafe larger.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: old[..<gathered]))
        }
        outgoing = consume larger
    }
}
