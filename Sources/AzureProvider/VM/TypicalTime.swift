internal import LinuxIO

/// How long something usually takes, learnt from how long it took: the time after which to look first.
final class TypicalTime: Sendable {
    private let bounds: ClosedRange<Duration>
    private let estimate: Lock<Duration>

    init(_ first: Duration, within bounds: ClosedRange<Duration>) {
        self.bounds = bounds
        estimate = Lock(first)
    }

    var expected: Duration { estimate.withLock { $0 } }

    /// It was found done after `time`, at the first look or at a later one.
    ///
    /// Who finds it done at the first look does not know for how long it has been, so the next one looks a bit sooner.
    func learn(_ time: Duration, atFirstLook: Bool) {
        estimate.withLock { estimate in
            let seen = atFirstLook ? time * 0.9 : time
            estimate = min(max(estimate * 0.75 + seen * 0.25, bounds.lowerBound), bounds.upperBound)
        }
    }
}
