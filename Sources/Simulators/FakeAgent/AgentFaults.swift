internal import LinuxIO

/// Faults of the stand-in, for tests of its clients.
struct AgentFaults: Equatable, Sendable {
    /// Health checks return NOT_SERVING.
    var isNotServing = false
    /// The number of calls after which it kills itself instead of answering; nil: never.
    var calls: Int?
}

/// Counts calls, for the fault that ends the stand-in after a number of calls.
final class CallCount: Sendable {
    private let count = Lock(0)

    /// The number of this call, from 1.
    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}
