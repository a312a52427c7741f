internal import LinuxIO

/// A queue for each name that has work: what is done under one name is done in the order it was asked for.
final class Queues: Sendable {
    private struct Queue {
        let semaphore = AsyncSemaphore(1)
        var members = 0
    }

    private let queues = Lock<[String: Queue]>([:])

    /// Runs `body` when all that came before under `name` is over.
    ///
    /// - Throws: `CancellationError` when cancelled in the queue, or what `body` threw.
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
