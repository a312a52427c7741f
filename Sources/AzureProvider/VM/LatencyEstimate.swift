internal import LinuxIO

/// How long something usually takes, learnt from how long it took: the time after which to look first.
///
/// It is the shortest of the last few, so that one slow case does not delay later ones.
final class LatencyEstimate: Sendable {
    private static let memory = 4

    private let limit: Duration
    private let state: Lock<(first: Duration, last: [Duration])>

    /// `first` until something is learnt.
    init(_ first: Duration, atMost limit: Duration) {
        self.limit = limit
        state = Lock((first, []))
    }

    var expected: Duration { state.withLock { $0.last.min() ?? $0.first } }

    /// It was found done after `time`, at the first look or at a later one.
    ///
    /// A first look that finds it done does not show for how long it has been done, so the next first look comes sooner: much
    /// sooner for short times, a little sooner for long ones, where an additional look costs more than it saves.
    func learn(_ time: Duration, atFirstLook: Bool) {
        let seen = atFirstLook ? time * (time < .seconds(1) ? 0.7 : 0.95) : time
        state.withLock { state in state.last = state.last.suffix(Self.memory - 1) + [min(seen, limit)] }
    }
}
