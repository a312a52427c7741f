internal import LinuxIO

/// How long something usually takes, learnt from how long it took: the time after which to look first.
final class TypicalTime: Sendable {
    private let limit: Duration
    private let state: Lock<(estimate: Duration, isLearnt: Bool)>

    /// `first` until something is learnt.
    init(_ first: Duration, atMost limit: Duration) {
        self.limit = limit
        state = Lock((first, false))
    }

    var expected: Duration { state.withLock { $0.estimate } }

    /// It was found done after `time`, at the first look or at a later one.
    ///
    /// Who finds it done at the first look does not know for how long it has been, so the next one looks a bit sooner.
    func learn(_ time: Duration, atFirstLook: Bool) {
        state.withLock { state in
            let seen = min(atFirstLook ? time * 0.9 : time, limit)
            state = (state.isLearnt ? state.estimate * 0.7 + seen * 0.3 : seen, true)
        }
    }
}
