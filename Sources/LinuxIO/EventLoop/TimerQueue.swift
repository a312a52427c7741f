/// What waits for its time.
enum LoopTimer {
    case task(Waiter)
    case call(@Sendable () -> Void)

    /// Resumes the task, or makes the call.
    func fire() {
        switch self {
        case .task(let waiter): waiter.resume()
        case .call(let body): body()
        }
    }

    /// Resumes the task with `error`. A call is not made.
    func fail(_ error: any Error) { if case .task(let waiter) = self { waiter.resume(throwing: error) } }
}

/// Tasks and calls that wait for a time, the earliest first.
///
/// The queue is a binary heap of times and a table of what waits. A cancelled timer leaves the table immediately. It
/// leaves the heap at its time, or when the heap has more cancelled timers than waiting ones. A call's deadline is
/// nearly always cancelled long before its time.
struct TimerQueue {
    private struct Entry {
        let due: ContinuousClock.Instant
        let id: UInt64
    }

    private var heap: [Entry] = []
    private var waiters: [UInt64: LoopTimer] = [:]

    /// The number of entries in the heap, including cancelled timers.
    var size: Int { heap.count }

    /// Adds `waiter` under `id`. The caller chooses the id and uses it once.
    mutating func insert(_ waiter: LoopTimer, id: UInt64, due: ContinuousClock.Instant) {
        waiters[id] = waiter
        heap.append(Entry(due: due, id: id))
        siftUp(from: heap.count - 1)
    }

    /// Removes one waiter if it still waits.
    mutating func remove(_ id: UInt64) -> LoopTimer? {
        let waiter = waiters.removeValue(forKey: id)
        if heap.count > 2 * waiters.count + 64 {
            heap = heap.filter { waiters[$0.id] != nil }.sorted { $0.due < $1.due }
        }
        return waiter
    }

    /// Nanoseconds until the first timer is due: 0 if it is late, -1 if there is no timer.
    mutating func nanosecondsToNext() -> Int64 {
        while let first = heap.first, waiters[first.id] == nil { removeFirst() }
        guard let first = heap.first else { return -1 }
        let left = ContinuousClock.now.duration(to: first.due).components
        // The limit is one day, so that no arithmetic can overflow. If the timer is late by less than a second, the
        // seconds are zero and the attoseconds are negative. For a negative value the kernel would wait without end.
        return max(0, min(max(left.seconds, -1), 86_400) * 1_000_000_000 + left.attoseconds / 1_000_000_000)
    }

    /// Removes and returns all waiters that are due.
    mutating func takeDue() -> [LoopTimer] {
        guard !heap.isEmpty else { return [] }
        let now = ContinuousClock.now
        var due: [LoopTimer] = []
        while let first = heap.first, first.due <= now {
            removeFirst()
            if let waiter = waiters.removeValue(forKey: first.id) { due.append(waiter) }
        }
        return due
    }

    /// Removes and returns all waiters.
    mutating func takeAll() -> [LoopTimer] {
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
