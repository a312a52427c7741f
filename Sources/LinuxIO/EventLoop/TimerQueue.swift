/// Tasks that wait for a moment, soonest first.
///
/// A binary heap of moments beside a table of those who wait: a cancelled timer leaves
/// the table at once and the heap when its moment comes, or when such leftovers outweigh
/// the living (a call's deadline is nearly always cancelled long before it is due).
struct TimerQueue {
    private struct Entry {
        let due: ContinuousClock.Instant
        let id: UInt64
    }

    private var heap: [Entry] = []
    private var waiters: [UInt64: Waiter] = [:]

    /// How many entries the heap has, leftovers included.
    var size: Int { heap.count }

    /// Parks `waiter` under `id`, which its owner chose and uses once.
    mutating func insert(_ waiter: Waiter, id: UInt64, due: ContinuousClock.Instant) {
        waiters[id] = waiter
        heap.append(Entry(due: due, id: id))
        siftUp(from: heap.count - 1)
    }

    /// Takes out one waiter, if it still waits.
    mutating func remove(_ id: UInt64) -> Waiter? {
        let waiter = waiters.removeValue(forKey: id)
        if heap.count > 2 * waiters.count + 64 {
            heap = heap.filter { waiters[$0.id] != nil }.sorted { $0.due < $1.due }
        }
        return waiter
    }

    /// Nanoseconds until the first is due: 0 when it is late, -1 when there is none.
    mutating func nanosecondsToNext() -> Int64 {
        while let first = heap.first, waiters[first.id] == nil { removeFirst() }
        guard let first = heap.first else { return -1 }
        let left = ContinuousClock.now.duration(to: first.due).components
        // A day is soon enough to look again, and no arithmetic can overflow. Late by less than a second is
        // zero seconds and attoseconds below zero; below zero, the kernel would wait without end.
        return max(0, min(max(left.seconds, -1), 86_400) * 1_000_000_000 + left.attoseconds / 1_000_000_000)
    }

    /// Takes out all whose moment has come.
    mutating func takeDue() -> [Waiter] {
        guard !heap.isEmpty else { return [] }
        let now = ContinuousClock.now
        var due: [Waiter] = []
        while let first = heap.first, first.due <= now {
            removeFirst()
            if let waiter = waiters.removeValue(forKey: first.id) { due.append(waiter) }
        }
        return due
    }

    /// Takes out all.
    mutating func takeAll() -> [Waiter] {
        defer {
            heap = []
            waiters = [:]
        }
        return Array(waiters.values)
    }

    private mutating func removeFirst() {
        heap.swapAt(0, heap.count - 1)
        heap.removeLast()
        siftDown()
    }

    private mutating func siftUp(from start: Int) {
        var child = start
        while child > 0, heap[child].due < heap[(child - 1) / 2].due {
            heap.swapAt(child, (child - 1) / 2)
            child = (child - 1) / 2
        }
    }

    private mutating func siftDown() {
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count && heap[child].due < heap[least].due
            {
                least = child
            }
            if least == parent { return }
            heap.swapAt(parent, least)
            parent = least
        }
    }
}
