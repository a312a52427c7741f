internal import LinuxIO

/// One timer for many deadlines: it sleeps until the soonest it was told of, and asks for
/// the next when it has rung.
///
/// A call's deadline is nearly always over before it is due, so setting one must cost less
/// than a timer of its own.
final class Alarm: Sendable {
    private let loop: EpollLoop
    private let due = Lock<ContinuousClock.Instant?>(nil)
    private let condition = AsyncCondition()

    init(on loop: EpollLoop) { self.loop = loop }

    /// Sees to it that the alarm rings at `instant`, or sooner.
    func set(_ instant: ContinuousClock.Instant) {
        let isSooner = due.withLock { due in
            if let due, due <= instant { return false }
            due = instant
            return true
        }
        if isSooner { condition.notifyAll() }
    }

    /// Calls `ring` whenever it is time, until cancelled; `ring` says when it is time again.
    func run(_ ring: @Sendable (ContinuousClock.Instant) -> ContinuousClock.Instant?) async {
        while !Task.isCancelled {
            let generation = condition.generation
            guard let due = due.withLock({ $0 }) else {
                await condition.wait(past: generation)
                continue
            }
            if due <= .now {
                self.due.withLock { $0 = nil }
                if let next = ring(.now) { set(next) }
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
