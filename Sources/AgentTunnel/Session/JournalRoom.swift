internal import LinuxIO

/// The memory for held bytes in the journals of all sessions.
///
/// Without it a client could begin any number of calls that its filter drops, and their bytes would stay in the
/// journals. Above the limit a call is served, but a crash ends its session.
final class JournalRoom: Sendable {
    private let left: Lock<Int>

    /// A filter's own limit is lower, so that journals only exceed this one after calls that were dropped.
    init(limit: Int = 16 << 20) { left = Lock(limit) }

    /// Takes room for `count` bytes; false if there is not so much.
    func acquire(_ count: Int) -> Bool {
        left.withLock { left in
            guard count <= left else { return false }
            left -= count
            return true
        }
    }

    /// Takes room for bytes that are in memory already.
    func take(_ count: Int) { left.withLock { $0 -= count } }

    /// Returns room.
    func release(_ count: Int) { left.withLock { $0 += count } }
}
