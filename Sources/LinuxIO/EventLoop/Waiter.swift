/// A suspended task.
///
/// Safe, because the code that stores a waiter removes it from its storage, under a lock, before it resumes the waiter.
/// So each waiter is resumed exactly once. Checked continuations would prove the same, but they cost an allocation for
/// every wait.
@safe struct Waiter {
    private let continuation: UnsafeContinuation<Void, any Error>

    /// Suspends the running task. `park` gets the waiter that resumes the task.
    static func suspend(_ park: (Waiter) -> Void) async throws {
        try await unsafe withUnsafeThrowingContinuation { unsafe park(Waiter(continuation: $0)) }
    }

    private init(continuation: UnsafeContinuation<Void, any Error>) { unsafe self.continuation = continuation }

    func resume() { unsafe continuation.resume() }

    func resume(throwing error: any Error) { unsafe continuation.resume(throwing: error) }
}
