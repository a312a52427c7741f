/// Resources by id, and in the order of their making, a page at a time.
///
/// Finding, adding and removing cost the same however many there are; a page costs its own length.
struct ResourceTable<Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let serial: Int
        let id: FakeResourceID
        /// Nil once removed, until enough such have gathered.
        var value: Value?
    }

    private var entries: [Entry] = []
    private var places: [FakeResourceID: Int] = [:]
    private var nextSerial = 1

    var count: Int { places.count }

    /// All of them, the oldest first.
    var all: [Value] { entries.compactMap(\.value) }

    subscript(id: FakeResourceID) -> Value? {
        get { places[id].flatMap { entries[$0].value } }
        set {
            switch (places[id], newValue) {
            case (let place?, let value?): entries[place].value = value
            case (let place?, nil):
                entries[place].value = nil
                places[id] = nil
                if entries.count > 2 * places.count + 32 { compact() }
            case (nil, let value?):
                places[id] = entries.count
                entries.append(Entry(serial: nextSerial, id: id, value: value))
                nextSerial += 1
            case (nil, nil): break
            }
        }
    }

    /// Changes what is there in place; false if nothing is.
    @discardableResult
    mutating func change(_ id: FakeResourceID, _ body: (inout Value) -> Void) -> Bool {
        guard let place = places[id], var value = entries[place].value else { return false }
        entries[place].value = nil  // Only one copy may be left, or it is copied in changing.
        body(&value)
        entries[place].value = value
        return true
    }

    /// At most `limit` of those after `serial`, and where the next page begins; nil when this is the last.
    func page(after serial: Int, limit: Int) -> (ids: [FakeResourceID], next: Int?) {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].serial <= serial { low = middle + 1 } else { high = middle }
        }
        var ids: [FakeResourceID] = []
        var last = serial
        for entry in entries[low...] where entry.value != nil {
            if ids.count == limit { return (ids, last) }
            ids.append(entry.id)
            last = entry.serial
        }
        return (ids, nil)
    }

    private mutating func compact() {
        entries.removeAll { $0.value == nil }
        places = [:]
        for (place, entry) in entries.enumerated() { places[entry.id] = place }
    }
}
