internal import LinuxIO

/// Tasks for a group whose parent waits for connections at the same time: a second parent for them would take memory in
/// each tunnel.
final class TaskInbox: Sendable {
    typealias Body = @Sendable () async -> Void

    private let bodies = Lock<[Body]>([])
    private let changed = AsyncCondition()
    private let wake: @Sendable () -> Void

    /// `wake` makes the parent look here again.
    init(_ wake: @escaping @Sendable () -> Void) { self.wake = wake }

    /// Gives a task to the parent. It does not run if the parent has ended.
    func start(_ body: @escaping Body) {
        bodies.withLock { $0.append(body) }
        changed.notifyAll()
        wake()
    }

    /// The oldest task, if there is one.
    func take() -> Body? { bodies.withLock { $0.isEmpty ? nil : $0.removeFirst() } }

    /// Waits for the next task.
    ///
    /// - Throws: `CancellationError`.
    func next() async throws -> Body {
        while true {
            let generation = changed.generation
            if let body = take() { return body }
            await changed.wait(past: generation)
            try Task.checkCancellation()
        }
    }
}
