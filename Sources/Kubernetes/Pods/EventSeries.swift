internal import LinuxIO

/// The events of the last minutes: an event that comes again is counted, and is no new object.
struct EventSeries: Sendable {
    /// How long the same event is counted. The server removes events after an hour.
    static let window = Duration.seconds(600)
    private static let limit = 512

    /// Which events are the same.
    struct Key: Hashable {
        let sandbox: String
        let event: PodEvent
    }

    private struct Entry {
        let name: String
        var count: Int
        var last: ContinuousClock.Instant
    }

    private var entries: [Key: Entry] = [:]

    /// The object of an event that has been sent already, and how often the event has come, with this time; nil for a
    /// new event.
    mutating func repetition(of key: Key, at now: ContinuousClock.Instant) -> (name: String, count: Int)? {
        guard var entry = entries[key], entry.last.duration(to: now) < Self.window else { return nil }
        entry.count += 1
        entry.last = now
        entries[key] = entry
        return (entry.name, entry.count)
    }

    /// Says that an event has become an object.
    mutating func created(_ name: String, for key: Key, at now: ContinuousClock.Instant) {
        if entries.count >= Self.limit {
            entries = entries.filter { $0.value.last.duration(to: now) < Self.window }
            if entries.count >= Self.limit { entries = [:] }
        }
        entries[key] = Entry(name: name, count: 1, last: now)
    }

    /// Forgets an object that no longer exists.
    mutating func forget(_ key: Key) { entries[key] = nil }
}
