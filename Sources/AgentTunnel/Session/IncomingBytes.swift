/// The counts of one direction at its receiving end.
///
///     reported <= consumed <= received            received - consumed <= window
struct IncomingBytes {
    private let window: Int
    /// The bytes that have arrived, and the end.
    private(set) var received: UInt64 = 0
    /// The bytes that were passed on, and the end. Only these are acknowledged, so the window limits the bytes in
    /// memory.
    private(set) var consumed: UInt64 = 0
    /// The last acknowledgement.
    private(set) var reported: UInt64 = 0
    /// Whether the end has arrived.
    private(set) var isFinished = false

    init(window: Int) { self.window = window }

    /// Continues with the state of a snapshot.
    init(_ snapshot: SessionSnapshot, window: Int) {
        self.window = window
        (received, consumed, reported) = (snapshot.received, snapshot.consumed, snapshot.reported)
        isFinished = snapshot.hasPeerEnded
    }

    /// Continues after `settled` bytes, all of which were passed on.
    ///
    /// - Throws: `SessionFault.malformedSnapshot`, if no stream has so many bytes.
    init(settled: UInt64, isFinished: Bool, window: Int) throws(SessionFault) {
        guard settled <= SessionState.positionLimit else { throw .malformedSnapshot }
        self.init(window: window)
        self.isFinished = isFinished
        received = isFinished ? settled + 1 : settled
        (consumed, reported) = (received, received)
    }

    /// Whether all bytes and the end were passed on.
    var isComplete: Bool { isFinished && consumed == received }

    /// Whether all bytes were passed on, but not the end.
    var owesEnd: Bool { isFinished && consumed + 1 == received }

    /// The number of bytes to acknowledge.
    var unreported: UInt64 { consumed - reported }

    /// Whether the sender may need an acknowledgement soon, because it may have no room.
    var mustReport: Bool { unreported >= UInt64(window / 2) }

    /// Checks that `count` more bytes may arrive.
    func check(_ count: Int) throws(SessionFault) {
        if isFinished { throw .afterEnd }
        let ahead = received - consumed + UInt64(count)
        if ahead > UInt64(window) { throw .windowExceeded(by: ahead - UInt64(window)) }
    }

    mutating func receive(_ count: Int) { received += UInt64(count) }

    mutating func receiveEnd() throws(SessionFault) {
        if isFinished { throw .afterEnd }
        isFinished = true
        received += 1
    }

    mutating func consume(_ count: Int) { consumed += UInt64(count) }

    /// Returns the acknowledgement of a frame that is sent now.
    mutating func report() -> UInt64 {
        reported = consumed
        return consumed
    }
}
