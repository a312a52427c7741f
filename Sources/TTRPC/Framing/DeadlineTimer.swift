internal import LinuxIO

/// One timer for many deadlines. It sleeps until the earliest deadline. After it has fired, it asks for the next
/// deadline.
///
/// Nearly every call ends before its deadline, so setting a deadline must cost less than a separate timer.
final class DeadlineTimer: Sendable {
    private let loop: EpollLoop
    private let due = Lock<ContinuousClock.Instant?>(nil)
    private let condition = AsyncCondition()

    init(on loop: EpollLoop) { self.loop = loop }

    /// Makes the timer fire at `instant` or earlier.
    func set(_ instant: ContinuousClock.Instant) {
        let isSooner = due.withLock { due in
            if let due, due <= instant { return false }
            due = instant
            return true
        }
        if isSooner { condition.notifyAll() }
    }

    /// Calls `fire` at each deadline until this task is cancelled. `fire` returns the next deadline.
    func run(_ fire: @Sendable (ContinuousClock.Instant) -> ContinuousClock.Instant?) async {
        while !Task.isCancelled {
            let generation = condition.generation
            guard let due = due.withLock({ $0 }) else {
                await condition.wait(past: generation)
                continue
            }
            if due <= .now {
                self.due.withLock { $0 = nil }
                if let next = fire(.now) { set(next) }
                continue
            }
            let (condition, loop) = (condition, loop)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await loop.sleep(until: due) }
                group.addTask { await condition.wait(past: generation) }
                await group.next()
                group.cancelAll()
            }
        }
    }
}
