/// Resources by id, and in pages in the order of their creation.
///
/// Lookup, insertion and removal take constant time; a page takes time proportional to its length.
struct ResourceTable<Value: Sendable>: Sendable {
    private struct Entry: Sendable {
        let serial: Int
        let id: FakeResourceID
        /// Nil for a removed resource; the table is compacted when it has enough of these.
        var value: Value?
    }

    private var entries: [Entry] = []
    private var places: [FakeResourceID: Int] = [:]
    private var nextSerial = 1

    var count: Int { places.count }

    /// All resources, the oldest first.
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

    /// Changes a resource in place; false if there is none.
    @discardableResult
    mutating func change(_ id: FakeResourceID, _ body: (inout Value) -> Void) -> Bool {
        guard let place = places[id], var value = entries[place].value else { return false }
        entries[place].value = nil  // With a second reference, the change would copy the value.
        body(&value)
        entries[place].value = value
        return true
    }

    /// At most `limit` resources after `serial`, and the start of the next page; nil for the last page.
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
