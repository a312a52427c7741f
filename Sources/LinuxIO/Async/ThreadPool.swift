/// Threads for work that would block a loop: file operations that wait for a disk, and computations.
///
/// The pool starts a thread when there is work and fewer than `limit` threads run. A thread ends when no work is left.
/// So an idle pool costs nothing, and a thread has the same privileges that the process had when the work arrived.
package final class ThreadPool: Sendable {
    private struct State {
        var queue: [@Sendable () -> Void] = []
        var threads = 0
    }

    /// The pool for files. An additional thread costs 20 us and a stack. 16 threads that sync at the same time share
    /// the disk's flushes.
    package static let files = ThreadPool(limit: 16)

    /// The maximum number of threads.
    package let limit: Int
    private let state = Lock(State())

    /// A pool of at most `limit` threads, which start when there is work.
    package init(limit: Int) { self.limit = limit }

    /// Runs `body` on a thread of the pool while the caller is suspended. Cancelling the caller does not stop `body`.
    package func run<Result: Sendable, Failure: Error>(
        _ body: @escaping @Sendable () throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let outcome: Swift.Result<Result, Failure> = await withCheckedContinuation { waiter in
            enqueue {
                do throws(Failure) {
                    waiter.resume(returning: .success(try body()))
                } catch {
                    waiter.resume(returning: .failure(error))
                }
            }
        }
        return try outcome.get()
    }

    private func enqueue(_ work: @escaping @Sendable () -> Void) {
        let needsThread = state.withLock { state in
            state.queue.append(work)
            guard state.threads < limit else { return false }
            state.threads += 1
            return true
        }
        guard needsThread else { return }
        do throws(SystemCallError) {
            try Thread.detach { self.drain() }
        } catch {
            // The process may have reached its limit of threads. Then this thread, or a thread that runs already, does
            // the work.
            drain()
        }
    }

    /// Runs the queued work until the queue is empty.
    private func drain() {
        while let work = next() { work() }
    }

    private func next() -> (@Sendable () -> Void)? {
        state.withLock { state in
            guard state.queue.isEmpty else { return state.queue.removeFirst() }
            state.threads -= 1
            return nil
        }
    }
}
