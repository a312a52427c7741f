/// A parent for tasks that start one by one: each can be cancelled alone, and the pool waits for all of them when it
/// ends.
///
///     group.addTask { await pool.run() }
///     let child = pool.start { await delete(vm) }
public final class TaskPool: Sendable {
    private let started: AsyncStream<Child>
    private let continuation: AsyncStream<Child>.Continuation

    /// A pool that does not run yet; tasks that are started before ``run()`` wait for it.
    public init() { (started, continuation) = AsyncStream.makeStream() }

    /// Runs what is started until cancelled, then cancels every child and returns once all have ended.
    public func run() async {
        await withDiscardingTaskGroup { group in
            for await child in started { group.addTask { await child.run() } }
            group.cancelAll()
        }
        // Tasks that were started too late do not run, but their waiters have to be resumed.
        continuation.finish()
        for await child in started { child.abandon() }
    }

    /// Hands `body` to the pool. Once the pool has ended it does not run, and counts as finished.
    @discardableResult
    public func start(_ body: @escaping @Sendable () async -> Void) -> Child {
        let child = Child(body)
        if case .terminated = continuation.yield(child) { child.abandon() }
        return child
    }

    /// One piece of work in a pool.
    public final class Child: Sendable {
        private let body: @Sendable () async -> Void
        private let cancellation = Event()
        private let end = Event()

        fileprivate init(_ body: @escaping @Sendable () async -> Void) { self.body = body }

        /// Cancels the work; idempotent, and no wait.
        public func cancel() { cancellation.set() }

        /// Returns once the work has ended (or will never begin), or the caller is cancelled.
        public func finished() async { await end.wait() }

        fileprivate func run() async {
            let (body, cancellation) = (body, cancellation)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await body() }
                group.addTask { await cancellation.wait() }
                await group.next()
                group.cancelAll()
            }
            end.set()
        }

        fileprivate func abandon() { end.set() }
    }
}
