internal import LinuxIO
internal import PeerPodProtocol

/// What the gateway counts.
final class GatewayCounters: Sendable {
    private struct Counts {
        var waiting = 0
        var forwarded = 0
        var resent = 0
        var marks = 0
        var attachments = 0
    }

    private let counts = Lock(Counts())

    func countCall() { counts.withLock { $0.forwarded += 1 } }
    func countResent() { counts.withLock { $0.resent += 1 } }
    func countMark() { counts.withLock { $0.marks += 1 } }
    func countAttachment() { counts.withLock { $0.attachments += 1 } }

    /// Runs `body`, which waits for an adaptor.
    func waiting<Result>(_ body: () async throws -> Result) async throws -> Result {
        counts.withLock { $0.waiting += 1 }
        defer { counts.withLock { $0.waiting -= 1 } }
        return try await body()
    }

    /// Sets the counted fields of `status`.
    func fill(_ status: inout GatewayStatus) {
        let counts = counts.withLock { $0 }
        status.waitingCalls = counts.waiting
        status.forwardedCalls = counts.forwarded
        status.resentCalls = counts.resent
        status.stopMarks = counts.marks
        status.attachments = counts.attachments
    }
}
