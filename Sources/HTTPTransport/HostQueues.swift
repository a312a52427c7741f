/// For each host, the active requests, and the queue of waiting requests in the order of arrival.
struct HostQueues {
    typealias ID = UInt64

    private struct Host {
        var active = 0
        var line: [ID] = []
        /// The number of entries that have left the queue.
        var head = 0
    }

    private struct Place {
        let origin: Origin
        var isActive: Bool
    }

    private let limit: Int
    private var hosts: [Origin: Host] = [:]
    private var places: [ID: Place] = [:]

    /// Makes queues that let at most `limit` requests be active at each host.
    init(limit: Int) { self.limit = max(1, limit) }

    /// Returns whether `id` may start now. If not, `id` waits until ``leave(_:)`` of another request returns it.
    mutating func enter(_ id: ID, _ origin: Origin) -> Bool {
        var host = hosts.removeValue(forKey: origin) ?? Host()
        let goes = host.active < limit
        if goes { host.active += 1 } else { host.line.append(id) }
        hosts[origin] = host
        places[id] = Place(origin: origin, isActive: goes)
        return goes
    }

    /// Removes `id` in any state, and returns the request that may start in its place, if there is one.
    mutating func leave(_ id: ID) -> ID? {
        guard let place = places.removeValue(forKey: id) else { return nil }
        // The queue skips a request that was cancelled while it waited.
        guard place.isActive, var host = hosts.removeValue(forKey: place.origin) else { return nil }
        host.active -= 1
        var next: ID?
        while next == nil, host.head < host.line.count {
            let candidate = host.line[host.head]
            host.head += 1
            if places[candidate] != nil { next = candidate }
        }
        if let next {
            places[next]?.isActive = true
            host.active += 1
        }
        if host.head == host.line.count || host.head > 1024 {
            host.line.removeFirst(host.head)
            host.head = 0
        }
        if host.active > 0 { hosts[place.origin] = host }
        return next
    }
}
