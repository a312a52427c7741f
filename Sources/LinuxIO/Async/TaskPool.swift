/// A parent for tasks that start one after the other. Each task can be cancelled alone. The pool waits for all tasks
/// when it ends.
///
///     group.addTask { await pool.run() }
///     let child = pool.start { await delete(vm) }
public final class TaskPool: Sendable {
    private let started: AsyncStream<Child>
    private let continuation: AsyncStream<Child>.Continuation

    /// Makes a pool that does not run yet. Tasks that are started before ``run()`` wait for it.
    public init() { (started, continuation) = AsyncStream.makeStream() }

    /// Runs the started tasks until this task is cancelled. Then it cancels every child, and returns when all children
    /// have ended.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await child in started { group.addTask { await child.run() } }
            group.cancelAll()
        }
        // Tasks that were started too late do not run, but the pool must resume their waiters.
        continuation.finish()
        for await child in started { child.abandon() }
    }

    /// Gives `body` to the pool. After the pool has ended, `body` does not run and counts as finished.
    @discardableResult
    public func start(_ body: @escaping @Sendable () async -> Void) -> Child {
        let child = Child(body)
        if case .terminated = continuation.yield(child) { child.abandon() }
        return child
    }

    /// One task of a pool.
    ///
    /// It is safe, because the task removes its reference, under the lock, before it ends. A task whose end waits for a
    /// second task, which waits for the cancellation, would take twice the memory.
    @safe public final class Child: Sendable {
        @safe private struct State {
            var task: UnsafeCurrentTask?
            var isCancelled = false
        }

        private let body: @Sendable () async -> Void
        private let state = Lock(State())
        private let end = Event()

        fileprivate init(_ body: @escaping @Sendable () async -> Void) { self.body = body }

        /// Cancels the task and does not wait for its end. Idempotent.
        public func cancel() {
            state.withLock { state in
                state.isCancelled = true
                unsafe state.task?.cancel()
            }
        }

        /// Returns when the task has ended (or will never begin), or when the caller is cancelled.
        public func finished() async { await end.wait() }

        fileprivate func run() async {
            unsafe withUnsafeCurrentTask { task in
                state.withLock { state in
                    unsafe state.task = unsafe task
                    if state.isCancelled { unsafe task?.cancel() }
                }
            }
            await body()
            state.withLock { state in unsafe state.task = nil }
            end.set()
        }

        fileprivate func abandon() { end.set() }
    }
}
