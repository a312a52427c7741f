/// One end of a session, without its connections: both directions' counts, the bytes that may have to be sent again,
/// and the frames to send.
struct SessionState {
    /// What a received frame requires.
    enum Action: Equatable {
        case none
        /// The frame's payload follows.
        case payload
        /// The peer has ended the session.
        case closed(SessionEnd)
    }

    private(set) var outgoing: OutgoingBytes
    private(set) var incoming: IncomingBytes
    private var owesPing = false
    private var owesPong = false
    private var owesReport = false
    private var closing: SessionEnd?
    private var isClosed = false

    /// The most unacknowledged bytes of a direction.
    static let window = 256 << 10
    /// The highest position. No stream has so many bytes, so that positions do not overflow.
    static let positionLimit = UInt64.max >> 1

    /// The `reserve` is the part of the window for bytes that are not read from the source, see ``append(_:)``.
    init(window: Int = SessionState.window, reserve: Int = 0) {
        outgoing = OutgoingBytes(window: window, reserve: reserve)
        incoming = IncomingBytes(window: window)
    }

    /// Continues with the state of a snapshot.
    init(_ snapshot: SessionSnapshot, window: Int = SessionState.window, reserve: Int = 0) {
        outgoing = OutgoingBytes(snapshot, window: window, reserve: reserve)
        incoming = IncomingBytes(snapshot, window: window)
    }

    /// Begins or continues with the state of both directions.
    init(_ outgoing: OutgoingBytes, _ incoming: IncomingBytes) {
        self.outgoing = outgoing
        self.incoming = incoming
    }

    /// Whether both directions have ended, and the peer knows.
    var isComplete: Bool { outgoing.isComplete && incoming.isComplete }

    /// Whether there is a frame to send.
    var owesFrame: Bool { nextKind(room: 1) != nil }

    /// The next frame to send, if there is one, on a connection that accepts `room` bytes. Requires room for a header
    /// and a byte.
    ///
    /// A data frame's payload is the first bytes of ``OutgoingBytes/withUnsent(_:_:)``; then call ``noteSent(_:)``.
    mutating func nextFrame(room: Int) -> SessionFrame? {
        guard let (kind, value) = nextKind(room: room - SessionFrame.headerSize) else { return nil }
        owesReport = false
        return SessionFrame(kind, value: value, consumed: incoming.report())
    }

    /// Notes that a frame, with its payload, was given to the connection.
    mutating func noteSent(_ frame: SessionFrame) {
        switch frame.kind {
        case .data: outgoing.noteSent(frame.value)
        case .end: outgoing.noteSent(1)
        case .ping: owesPing = false
        case .pong: owesPong = false
        case .close: isClosed = true
        case .acknowledgement: break
        }
    }

    private func nextKind(room: Int) -> (SessionFrame.Kind, Int)? {
        if isClosed { return nil }
        if let closing { return (.close, closing.rawValue) }
        if owesPong { return (.pong, 0) }
        if owesPing { return (.ping, 0) }
        let count = min(outgoing.unsentCount, room, SessionFrame.payloadLimit)
        if count > 0 { return (.data, count) }
        if outgoing.unsentCount == 0, outgoing.owesEnd { return (.end, 0) }
        return owesReport || incoming.mustReport ? (.acknowledgement, 0) : nil
    }

    /// Reads a header that has arrived.
    mutating func receive(_ frame: SessionFrame) throws(SessionFault) -> Action {
        try outgoing.acknowledge(frame.consumed)
        switch frame.kind {
        case .data:
            try incoming.check(frame.value)
            return .payload
        case .end: try incoming.receiveEnd()
        case .ping: owesPong = true
        case .close: return .closed(SessionEnd(rawValue: frame.value) ?? .other)
        case .pong, .acknowledgement: break
        }
        return .none
    }

    /// Notes that `count` bytes of payload have arrived.
    mutating func receivePayload(_ count: Int) { incoming.receive(count) }

    /// Notes that `count` bytes were passed on.
    mutating func consume(_ count: Int) { incoming.consume(count) }

    /// Notes that the end was passed on. The peer may wait for the acknowledgement.
    mutating func consumeEnd() {
        incoming.consume(1)
        owesReport = true
    }

    /// Decides where the next bytes of the source go: see ``OutgoingBytes/prepare()``.
    mutating func prepare() { outgoing.prepare() }

    /// Reads from the source: see ``OutgoingBytes/fill(_:)``.
    mutating func fill(_ read: (UnsafeMutableRawBufferPointer) throws -> Int?) rethrows -> Int? {
        try unsafe outgoing.fill(read)
    }

    /// Adds bytes of the source that were read before.
    mutating func append(_ bytes: [UInt8]) { outgoing.append(bytes) }

    /// Requests a ping, an acknowledgement of bytes that are not acknowledged, and frees unused memory.
    mutating func idle(ping: Bool) {
        if ping { owesPing = true }
        if incoming.unreported > 0 { owesReport = true }
        outgoing.trim()
    }

    /// Ends the session; the next and last frame says why.
    mutating func close(_ reason: SessionEnd) { closing = reason }

    /// Continues on a new connection, whose peer has received `position` bytes, the end included.
    mutating func resume(peerReceived position: UInt64) throws(SessionFault) {
        try outgoing.resume(from: position)
        // The last acknowledgement may be lost.
        (owesPing, owesPong, owesReport) = (false, false, true)
    }
}
