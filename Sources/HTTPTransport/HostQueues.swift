/// Who may send to a host now, and who waits for a place, in the order they came.
struct HostQueues {
    typealias ID = UInt64

    private struct Host {
        var active = 0
        var line: [ID] = []
        /// How much of the line has gone.
        var head = 0
    }

    private struct Place {
        let origin: Origin
        var isActive: Bool
    }

    private let limit: Int
    private var hosts: [Origin: Host] = [:]
    private var places: [ID: Place] = [:]

    /// Queues that let `limit` be at one host at once.
    init(limit: Int) { self.limit = max(1, limit) }

    /// Whether `id` may go now; otherwise it is in the line, and ``leave(_:)`` of another names it.
    mutating func enter(_ id: ID, _ origin: Origin) -> Bool {
        var host = hosts.removeValue(forKey: origin) ?? Host()
        let goes = host.active < limit
        if goes { host.active += 1 } else { host.line.append(id) }
        hosts[origin] = host
        places[id] = Place(origin: origin, isActive: goes)
        return goes
    }

    /// Removes `id`, whatever its state; returns the request that may start instead, if there is one.
    mutating func leave(_ id: ID) -> ID? {
        guard let place = places.removeValue(forKey: id) else { return nil }
        // A request that was cancelled in the queue is skipped when its turn comes.
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
