/// How much one stream gives its reader before the loop's other tasks get their turn.
///
/// A peer that sends without a pause must not hold the loop. The rule is the stream's, not the reader's, so that no
/// reader can forget it: when a turn is over, a read finds nothing, and the wait that follows only lets the others run
/// first.
struct Turn {
    /// Bytes in a turn: to decrypt and forward them takes about half a millisecond.
    static let byteLimit = 512 << 10
    /// What a read counts at least: the system call costs as much as the copy of so many bytes.
    static let readCost = 4 << 10

    private var left = byteLimit

    /// Whether the others are to run before the next read.
    var isOver: Bool { left <= 0 }

    /// Counts a read of `count` bytes.
    mutating func count(_ count: Int) { left -= max(count, Turn.readCost) }
}

extension EpollLoop {
    /// Lets all other ready tasks run first, and throws if this one was cancelled meanwhile.
    ///
    /// For a task that would otherwise run without a pause.
    /// - Throws: `CancellationError`.
    public func checkpoint() async throws {
        await Task.yield()
        try Task.checkCancellation()
    }
}
