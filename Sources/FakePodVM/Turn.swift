internal import LinuxIO

/// Lets one task at a time use a stream, in the order they came.
///
/// A shim may have several reads or writes of one stream under way; their bytes must
/// neither mix nor overtake each other.
final class Turn: Sendable {
    private struct State {
        var isTaken = false
        var queue: [(id: UInt64, waiter: CheckedContinuation<Void, any Error>)] = []
        var nextWaiter: UInt64 = 0
    }

    private let state = Lock(State())

    /// Runs `body` once all who came before are done.
    ///
    /// - Throws: `CancellationError`, or what `body` threw.
    func take<Value>(_ body: () async throws -> Value) async throws -> Value {
        try await acquire()
        defer { release() }
        return try await body()
    }

    private func acquire() async throws {
        let id: UInt64? = state.withLock { state in
            if !state.isTaken {
                state.isTaken = true
                return nil
            }
            defer { state.nextWaiter += 1 }
            return state.nextWaiter
        }
        guard let id else { return }
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { (waiter: CheckedContinuation<Void, any Error>) in
                let outcome: Result<Void, any Error>? = state.withLock { state in
                    if Task.isCancelled { return .failure(CancellationError()) }
                    if !state.isTaken {  // Left free between the two looks.
                        state.isTaken = true
                        return .success(())
                    }
                    state.queue.append((id, waiter))
                    return nil
                }
                if let outcome { waiter.resume(with: outcome) }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.queue.firstIndex { $0.id == id }.map { state.queue.remove(at: $0).waiter }
            }
            waiter?.resume(throwing: CancellationError())
        }
    }

    private func release() {
        let next = state.withLock { state in
            if state.queue.isEmpty {
                state.isTaken = false
                return CheckedContinuation<Void, any Error>?.none
            }
            return state.queue.removeFirst().waiter  // It stays taken, by the next.
        }
        next?.resume()
    }
}
