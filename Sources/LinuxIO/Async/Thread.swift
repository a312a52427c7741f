internal import Glibc

/// Threads for what would hold up a loop, or must not happen to its thread.
package enum Thread {
    /// Runs `body` on a thread of its own, and waits for its end.
    ///
    /// For changes to a thread that cannot be undone, such as entering a namespace: the thread has ended when this
    /// returns.
    package static func run<Result>(_ body: () -> Result) throws(SystemCallError) -> Result {
        var result: Result?
        try withoutActuallyEscaping({ result = body() }) { (work: @escaping () -> Void) throws(SystemCallError) in
            let thread = try unsafe start(work)
            pthread_join(thread, nil)
        }
        guard let result else { preconditionFailure("a joined thread has done its work") }
        return result
    }

    /// Runs `body` on a thread of its own while the caller is suspended; cancelling does not shorten it.
    package static func offLoop<Result: Sendable>(
        _ body: @escaping @Sendable () throws -> Result
    ) async throws -> Result {
        try await withCheckedThrowingContinuation { waiter in
            do throws(SystemCallError) {
                try detach { waiter.resume(with: Swift.Result { try body() }) }
            } catch {
                waiter.resume(throwing: error)
            }
        }
    }

    /// Runs `body` on a thread of its own, and does not wait for it.
    package static func detach(_ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        _ = pthread_detach(try unsafe start(body))
    }

    /// Blocks this thread: for those of its own, never for the loop's.
    package static func pause(milliseconds: UInt32) { _ = usleep(milliseconds * 1000) }

    private final class Work {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    /// Unsafe, because nothing says that `body` may run on another thread but its caller.
    @unsafe private static func start(_ body: @escaping () -> Void) throws(SystemCallError) -> pthread_t {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        defer { unsafe pthread_attr_destroy(&attributes) }
        unsafe pthread_attr_setstacksize(&attributes, 1 << 20)
        let work = unsafe Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let failure = unsafe pthread_create(
            &thread, &attributes,
            { context in
                guard let context = unsafe context else { return nil }
                unsafe Unmanaged<Work>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, work.toOpaque())
        guard failure == 0 else {
            unsafe work.release()
            throw SystemCallError(call: "pthread_create", errno: failure, subject: "a thread")
        }
        return thread
    }
}
