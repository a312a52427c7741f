internal import LinuxIO

/// How long something usually takes, learnt from how long it took: the time after which to look first.
///
/// It is the shortest of the last few, so that one busy moment does not keep all who come later waiting.
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
    /// Who finds it done at the first look does not know for how long it has been, so the next one looks sooner: a good
    /// deal sooner where only moments are at stake, a bit where a look too many costs more than it can win.
    func learn(_ time: Duration, atFirstLook: Bool) {
        let seen = atFirstLook ? time * (time < .seconds(1) ? 0.7 : 0.95) : time
        state.withLock { state in state.last = state.last.suffix(Self.memory - 1) + [min(seen, limit)] }
    }
}
