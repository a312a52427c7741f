internal import LinuxIO

/// A queue for each key with work. Work of one key runs in the order of the calls.
final class KeyedQueues: Sendable {
    private struct Queue {
        let semaphore = AsyncSemaphore(1)
        var members = 0
    }

    private let queues = Lock<[String: Queue]>([:])

    /// Runs `body` when all earlier work of `name` has ended.
    ///
    /// - Throws: `CancellationError` when cancelled in the queue, or the error of `body`.
    func run<Result>(_ name: String, _ body: () async throws -> Result) async throws -> Result {
        let semaphore = queues.withLock { queues in
            queues[name, default: Queue()].members += 1
            return queues[name, default: Queue()].semaphore
        }
        defer {
            queues.withLock { queues in
                queues[name]?.members -= 1
                if queues[name]?.members == 0 { queues[name] = nil }
            }
        }
        return try await semaphore.withPermit(body)
    }
}
