internal import Glibc

/// A value that only one thread at a time can access.
///
/// The type does not use `Synchronization.Mutex`, because ThreadSanitizer does not understand that type on Linux and
/// reports each guarded access as a race. ThreadSanitizer understands `pthread_mutex_t`.
///
/// The conformance is unchecked, because the compiler cannot prove that code accesses `value` only under `mutex`.
@safe package final class Lock<Value: ~Copyable>: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private var value: Value

    /// Makes an unlocked lock that owns `value`.
    package init(_ value: consuming sending Value) {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        let result = unsafe pthread_mutex_init(mutex, nil)
        precondition(result == 0, "pthread_mutex_init: errno \(result)")
        self.value = value
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    /// Runs `body` while no other thread has the lock. `body` must not take the same lock again.
    package func withLock<Result: ~Copyable, Failure: Error>(
        _ body: (inout Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body(&value)
    }
}
