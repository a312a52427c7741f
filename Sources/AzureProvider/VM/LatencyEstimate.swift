internal import LinuxIO

/// The usual duration of an operation, learnt from measured durations: the time after which to read the operation
/// first.
///
/// It is the shortest of the last few durations, so that one slow case does not delay later cases.
final class LatencyEstimate: Sendable {
    private static let memory = 4

    private let limit: Duration
    private let state: Lock<(first: Duration, last: [Duration])>

    /// The estimate is `first` until a duration is learnt.
    init(_ first: Duration, atMost limit: Duration) {
        self.limit = limit
        state = Lock((first, []))
    }

    var expected: Duration { state.withLock { $0.last.min() ?? $0.first } }

    /// Records that the operation was found complete after `time`, at the first read or at a later read.
    ///
    /// A first read that finds the operation complete does not show how long it has been complete, so the next first
    /// read comes earlier: much earlier for short times, a little earlier for long times, where an additional read
    /// costs more than it saves.
    func learn(_ time: Duration, atFirstLook: Bool) {
        let seen = atFirstLook ? time * (time < .seconds(1) ? 0.7 : 0.95) : time
        state.withLock { state in state.last = state.last.suffix(Self.memory - 1) + [min(seen, limit)] }
    }
}
