/// The connections of a server. It selects the connection to close when a new connection exceeds the limit.
///
/// It selects the connection that has had no complete request for the longest time: a slow client, or a client that
/// keeps a connection for later, must not block other clients. It never selects a connection whose request is handled.
struct OpenConnections {
    private struct Entry {
        let descriptor: CInt
        /// The sequence number of the last event: the connection was opened, or a request was answered.
        var since: UInt64
        var isBusy = false
    }

    private var entries: [UInt: Entry] = [:]
    private var now: UInt64 = 0

    /// The number of connections.
    var count: Int { entries.count }

    /// Records that a connection with the name `key` was opened.
    mutating func open(_ key: UInt, descriptor: CInt) {
        now += 1
        entries[key] = Entry(descriptor: descriptor, since: now)
    }

    /// Records that a complete request has arrived on the connection.
    mutating func begin(_ key: UInt) { entries[key]?.isBusy = true }

    /// Records that the request was answered.
    mutating func end(_ key: UInt) {
        now += 1
        entries[key]?.isBusy = false
        entries[key]?.since = now
    }

    /// Records that the connection is being closed.
    mutating func close(_ key: UInt) { entries[key] = nil }

    /// The descriptor of the connection to close; nil if all connections are busy.
    var idlest: CInt? {
        entries.values.filter { !$0.isBusy }.min { $0.since < $1.since }?.descriptor
    }
}
