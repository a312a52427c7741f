/// The bytes of one direction that the peer has not acknowledged yet. They can be sent again.
///
/// A position is the number of bytes of the stream before it. The end of the stream counts as one byte.
///
///     acknowledged <= sent <= reached <= written            written - acknowledged <= window
///
/// The bytes are in a ring that grows up to the window. The source's bytes are read into the ring, so that they are
/// not copied. Without unacknowledged bytes the ring needs no memory, see ``trim()``.
struct OutgoingBytes {
    private let window: Int
    private var ring = RingMemory()
    /// The position of the ring's first byte.
    private(set) var origin: UInt64 = 0
    /// The part of the window that only ``append(_:)`` uses.
    private let reserve: Int
    /// The next size of the ring, if a read fills all free bytes.
    private var wanted = OutgoingBytes.firstSize
    /// The position before which the peer needs no bytes again.
    private(set) var acknowledged: UInt64 = 0
    /// The position of the next byte to send.
    private(set) var sent: UInt64 = 0
    /// The position after the last byte that was ever sent. The peer may have received all bytes before it, also when a
    /// later connection has sent fewer bytes again.
    private var reached: UInt64 = 0
    /// The number of bytes that were read from the source.
    private(set) var written: UInt64 = 0
    /// Whether the source has ended.
    private(set) var isFinished = false

    /// The room for which a read is worth its system calls.
    private static let worthReading = 64 << 10
    /// The ring's first size. Most messages fit.
    private static let firstSize = 4 << 10

    /// Without a `reserve`, ``append(_:)`` must not be used.
    init(window: Int, reserve: Int = 0) {
        self.window = window
        self.reserve = reserve
    }

    /// Continues with the state of a snapshot.
    init(_ snapshot: SessionSnapshot, window: Int, reserve: Int) {
        self.init(window: window, reserve: reserve)
        let start = snapshot.written - UInt64(snapshot.kept.count)
        (acknowledged, sent, written) = (start, start, start)
        append(snapshot.kept)
        (acknowledged, sent, isFinished) = (snapshot.acknowledged, snapshot.sent, snapshot.hasSourceEnded)
        reached = total
    }

    /// Begins with a ring whose size is the window.
    init(_ ring: SharedRing) {
        self.init(window: ring.count)
        self.ring = RingMemory(ring)
        wanted = 0
    }

    /// Continues with the bytes in a ring. The peer may have received all of them.
    ///
    /// - Throws: `SessionFault.malformedSnapshot`, if these counts are not possible.
    init(
        _ ring: SharedRing, origin: UInt64, acknowledged: UInt64, written: UInt64, isFinished: Bool
    ) throws(SessionFault) {
        self.init(ring)
        let kept = written - min(acknowledged, written)
        guard written <= SessionState.positionLimit, acknowledged <= written + (isFinished ? 1 : 0),
            origin <= min(acknowledged, written), kept <= UInt64(window)
        else { throw .malformedSnapshot }
        (self.origin, self.acknowledged, self.written) = (origin, acknowledged, written)
        self.isFinished = isFinished
        (sent, reached) = (total, total)
    }

    /// The bytes that the peer has not acknowledged, oldest first.
    var keptBytes: [UInt8] { bytes(from: written - UInt64(kept)) }

    /// The bytes from `position` on, which must be in the ring.
    func bytes(from position: UInt64) -> [UInt8] {
        let (start, count) = (index(position), Int(written - position))
        return (0..<count).map { ring[(start + $0) % ring.count] }
    }

    /// The position after the last byte, and after the end.
    private var total: UInt64 { isFinished ? written + 1 : written }

    /// The number of kept bytes.
    private var kept: Int { Int(written - min(acknowledged, written)) }

    /// The memory for kept bytes.
    var capacity: Int { ring.count }

    /// Whether the source is to be read: many bytes fit.
    ///
    /// A read into a small rest of the window would send a small frame. The peer acknowledges when half a window is not
    /// acknowledged, so the room grows again.
    var hasRoom: Bool { !isFinished && room >= max(1, min(window / 4, OutgoingBytes.worthReading)) }

    /// Whether another byte of the source fits.
    var fits: Bool { !isFinished && room > 0 }

    /// The number of bytes of the source that fit.
    var room: Int { window - reserve - kept }

    /// Whether the peer has acknowledged all bytes and the end.
    var isComplete: Bool { isFinished && acknowledged == total }

    /// Whether the end must be sent.
    var owesEnd: Bool { isFinished && sent == written }

    /// The bytes that were not sent yet, up to the ring's end.
    private var unsent: Range<Int> {
        let start = index(sent)
        return start..<start + min(Int(written - min(sent, written)), ring.count - start)
    }

    /// The number of bytes that the next data frame can have.
    var unsentCount: Int { sent < written ? unsent.count : 0 }

    /// Passes the next `count` unsent bytes to `body`.
    func withUnsent<Result>(_ count: Int, _ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
        let range = unsent.prefix(count)
        return try unsafe ring.withBytes { unsafe try body(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }

    /// Notes that the next `count` bytes were sent.
    mutating func noteSent(_ count: Int) {
        sent += UInt64(count)
        reached = max(reached, sent)
    }

    /// Reads bytes of the source with `read`, which has the results of `ByteStream.tryRead`.
    ///
    /// Requires ``fits``. A read of 0 bytes ends the stream.
    mutating func fill(_ read: (UnsafeMutableRawBufferPointer) throws -> Int?) rethrows -> Int? {
        try unsafe fill(upTo: room, read)
    }

    /// Appends `bytes`, which may also be in the reserve.
    mutating func append(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe fill(upTo: window - kept) { target in
                let count = min(target.count, rest.count)
                unsafe target.copyBytes(from: rest.prefix(count))
                return count
            }
            rest = rest.dropFirst(count ?? 0)
        }
    }

    private mutating func fill(
        upTo limit: Int, _ read: (UnsafeMutableRawBufferPointer) throws -> Int?
    ) rethrows -> Int? {
        prepare()
        if ring.count < wanted { grow() }
        let start = index(written)
        let free = min(ring.count - kept, limit, ring.count - start)
        let count = try unsafe ring.withMutableBytes { bytes in
            unsafe try read(UnsafeMutableRawBufferPointer(rebasing: bytes[start..<start + free]))
        }
        guard let count else { return nil }
        if count == 0 { isFinished = true }
        written += UInt64(count)
        if count == free, ring.count < window { wanted = min(ring.count * 4, window) }
        return count
    }

    /// Notes that the peer needs no bytes before `position`.
    mutating func acknowledge(_ position: UInt64) throws(SessionFault) {
        guard position <= reached else { throw .acknowledgedUnsent(position, sent: reached) }
        acknowledged = max(acknowledged, position)
    }

    /// Continues with the bytes after `position`, which the peer has received.
    mutating func resume(from position: UInt64) throws(SessionFault) {
        try checkResume(from: position)
        sent = position
    }

    /// Checks that the peer can have received the bytes before `position`, and that the others are kept.
    func checkResume(from position: UInt64) throws(SessionFault) {
        guard (acknowledged...reached).contains(position) else {
            throw .impossibleResume(position, kept: acknowledged...reached)
        }
    }

    /// Frees the ring, if the peer has acknowledged all bytes.
    mutating func trim() {
        guard kept == 0 else { return }
        ring.free()
        if wanted > 0 { wanted = OutgoingBytes.firstSize }
    }

    /// Decides where the next bytes go: to the ring's start, if it keeps none.
    mutating func prepare() {
        if kept == 0 { origin = written }
    }

    private func index(_ position: UInt64) -> Int {
        ring.count == 0 ? 0 : Int((position - origin) % UInt64(ring.count))
    }

    private mutating func grow() {
        let count = kept
        ring.grow(to: wanted, keeping: count, from: index(acknowledged))
        origin = written - UInt64(count)
    }
}
