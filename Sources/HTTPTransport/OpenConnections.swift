/// The connections of a server, and which of them is closed for a new one when there are too many.
///
/// It is the one that has been without a whole request for longest: a client that dawdles, or keeps a connection for
/// later, must not keep others out. A connection whose request is being handled is not closed.
struct OpenConnections {
    private struct Entry {
        let descriptor: CInt
        /// When it was opened or last answered, in the order of such events.
        var since: UInt64
        var isBusy = false
    }

    private var entries: [UInt: Entry] = [:]
    private var now: UInt64 = 0

    /// How many there are.
    var count: Int { entries.count }

    /// A connection has been opened, called `key`.
    mutating func open(_ key: UInt, descriptor: CInt) {
        now += 1
        entries[key] = Entry(descriptor: descriptor, since: now)
    }

    /// A whole request has come on it.
    mutating func begin(_ key: UInt) { entries[key]?.isBusy = true }

    /// The request has its answer.
    mutating func end(_ key: UInt) {
        now += 1
        entries[key]?.isBusy = false
        entries[key]?.since = now
    }

    /// The connection is being closed.
    mutating func close(_ key: UInt) { entries[key] = nil }

    /// The descriptor of the connection to close; nil if all are busy.
    var idlest: CInt? {
        entries.values.filter { !$0.isBusy }.min { $0.since < $1.since }?.descriptor
    }
}
