/// How much data one stream gives its reader before the other tasks of the loop run.
///
/// A peer that sends without a pause must not block the other tasks. The stream applies the rule, so no reader can
/// forget it. When a turn is over, a read returns no data, and the next wait only lets the other tasks run first.
struct Turn {
    /// The bytes in a turn. To decrypt and forward this number of bytes takes about half a millisecond.
    static let byteLimit = 512 << 10
    /// The minimum that a read counts: the system call costs as much as copying this number of bytes.
    static let readCost = 4 << 10

    private var left = byteLimit

    /// Whether the other tasks must run before the next read.
    var isOver: Bool { left <= 0 }

    /// Counts a read of `count` bytes.
    mutating func count(_ count: Int) { left -= max(count, Turn.readCost) }
}

extension EpollLoop {
    /// Lets all other ready tasks run first. Throws if this task was cancelled in the meantime.
    ///
    /// Use this in a task that would otherwise run without a pause.
    /// - Throws: `CancellationError`.
    public func checkpoint() async throws {
        await Task.yield()
        try Task.checkCancellation()
    }
}
