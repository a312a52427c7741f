/// Threads for work that would hold up a loop: file operations that wait for a disk, and computations.
///
/// A thread is started when there is work and fewer than `limit` threads run; it ends when no work is left. So an idle pool
/// costs nothing, and a thread never has other privileges than the process had when the work came.
package final class ThreadPool: Sendable {
    private struct State {
        var queue: [@Sendable () -> Void] = []
        var threads = 0
    }

    /// For files. One thread more costs 20 us and a stack; sixteen that sync at once share the disk's flushes.
    package static let files = ThreadPool(limit: 16)

    /// How many threads there are at most.
    package let limit: Int
    private let state = Lock(State())

    package init(limit: Int) { self.limit = limit }

    /// Runs `body` on a thread of the pool while the caller is suspended; cancelling does not shorten it.
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
            // The process may have no more threads: the work is done here, or by a thread that runs already.
            drain()
        }
    }

    /// Does what there is to do, until there is nothing left.
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
