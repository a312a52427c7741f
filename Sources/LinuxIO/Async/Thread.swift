internal import CLinux
internal import Glibc

/// Threads for work that would block a loop, or that must not change the loop's thread.
package enum Thread {
    /// Runs `body` on a new thread, and waits for the end of the thread.
    ///
    /// Use this for changes to a thread that cannot be undone, such as entering a namespace. The thread has ended when
    /// this function returns.
    package static func run<Result>(_ body: () -> Result) throws(SystemCallError) -> Result {
        var result: Result?
        try withoutActuallyEscaping({ result = body() }) { (work: @escaping () -> Void) throws(SystemCallError) in
            let thread = try unsafe start(work)
            pthread_join(thread, nil)
        }
        guard let result else { preconditionFailure("a joined thread has done its work") }
        return result
    }

    /// Runs `body` on a new thread while the caller is suspended. Cancelling the caller does not stop `body`.
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

    /// Runs `body` on a new thread, and does not wait for it.
    package static func detach(_ body: @escaping @Sendable () -> Void) throws(SystemCallError) {
        _ = pthread_detach(try unsafe start(body))
    }

    /// Gives the calling thread a descriptor table of its own, which has only the standard streams. The thread then
    /// uses none of the process's descriptors, and closing them elsewhere is not delayed by this thread.
    ///
    /// Call this only in the body of ``run(_:)``. A thread of ``offLoop(_:)`` resumes a task afterwards, and for that it
    /// needs the descriptors of the task's loop. Needs Linux 5.9.
    package static func leaveDescriptors() throws(SystemCallError) {
        _ = try systemCall("close_range") { clinux_own_descriptors() }
    }

    /// Blocks the calling thread. Call this only on threads that ``Thread`` started, never on the loop's thread.
    package static func pause(milliseconds: UInt32) { _ = usleep(milliseconds * 1000) }

    private final class Work {
        let body: () -> Void
        init(_ body: @escaping () -> Void) { self.body = body }
    }

    /// Unsafe, because only the caller knows whether `body` may run on another thread.
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
