/// One candidate's view of a Lease, with the rules of client-go's leader election. A value without a clock and without a server.
///
/// A candidate never compares its clock with the times in the Lease. It notes, on its own monotonic clock, when it saw the Lease
/// change, and takes the Lease when it has not changed for the duration that the leader has written. So a clock that is ahead or behind
/// can neither shorten nor prolong the time.
///
/// The leader for its part acts only until ``heldUntil``: the renewal deadline after the moment *before* it sent its last successful
/// renewal. Others see that renewal later than this moment, and wait longer than the renewal deadline. So they begin only after the
/// leader has stopped, also when the leader's process was suspended.
package struct LeaseCandidate: Sendable {
    /// The times of the election.
    package struct Timing: Equatable, Sendable {
        /// How long a Lease must not change before another candidate takes it.
        package var leaseDuration = Duration.seconds(15)
        /// How long the leader acts after its last successful renewal.
        package var renewDeadline = Duration.seconds(10)
        /// The pause between two tries to take or to renew the Lease.
        package var retryPeriod = Duration.seconds(2)

        /// The times of client-go: 15 s, 10 s and 2 s.
        package init() {}

        /// Why these times do not work together, as a sentence without a period; nil if they do.
        package var problem: String? {
            if leaseDuration < .seconds(1) { return "the lease duration is at least 1s" }
            // A Lease has whole seconds.
            if leaseDuration.components.attoseconds != 0 { return "the lease duration is a whole number of seconds" }
            if renewDeadline >= leaseDuration { return "the renewal deadline must be shorter than the lease duration" }
            if retryPeriod * LeaseCandidate.jitter >= renewDeadline {
                return "the renewal deadline must be more than 1.2 times the retry period"
            }
            return retryPeriod > .zero ? nil : "the retry period is longer than 0s"
        }
    }

    /// What the candidate may do now.
    package enum Decision: Equatable, Sendable {
        /// There is no Lease: create it with this state.
        case create(LeaseRecord)
        /// Replace the Lease that was seen last by this state.
        case write(LeaseRecord)
        /// Another candidate leads, or led a short time ago.
        case wait
    }

    /// The longest factor of the pause between two tries.
    static let jitter = 1.2

    /// The candidate's identity. No other process has the same.
    package let identity: String
    private let timing: Timing
    private var observed: LeaseRecord?
    private var observedAt: ContinuousClock.Instant?
    /// Until when this candidate may act as the leader; nil if it does not lead.
    package private(set) var heldUntil: ContinuousClock.Instant?

    /// A candidate that has not seen the Lease.
    package init(identity: String, timing: Timing = Timing()) {
        self.identity = identity
        self.timing = timing
    }

    /// The identity of the leader that was seen last; empty if there is none.
    package var leader: String { observed?.holder ?? "" }

    /// Whether this candidate may act as the leader.
    package func mayLead(at now: ContinuousClock.Instant) -> Bool { heldUntil.map { now < $0 } ?? false }

    /// Takes the Lease as the server has it now; nil if it does not exist.
    package mutating func saw(_ record: LeaseRecord?, at now: ContinuousClock.Instant) {
        if record?.holder != identity { heldUntil = nil }
        guard record != observed || observedAt == nil else { return }
        observed = record
        observedAt = now
    }

    /// What to do with the Lease that was seen last. `time` is the wall clock, as the Lease shows it.
    package func decision(at now: ContinuousClock.Instant, time: String) -> Decision {
        var record = LeaseRecord(
            holder: identity, durationSeconds: timing.leaseDuration.components.seconds, acquireTime: time,
            renewTime: time, transitions: 0)
        guard let observed, let observedAt else { return .create(record) }
        if observed.holder == identity {
            record.acquireTime = observed.acquireTime
            record.transitions = observed.transitions
            return .write(record)
        }
        let duration = Duration.seconds(max(0, min(observed.durationSeconds, 86_400)))
        if !observed.holder.isEmpty, observedAt.duration(to: now) < duration { return .wait }
        record.transitions = observed.transitions + 1
        return .write(record)
    }

    /// Takes the success of a write that was sent at `sent`.
    package mutating func wrote(_ record: LeaseRecord, sent: ContinuousClock.Instant) {
        observed = record
        observedAt = sent
        heldUntil = record.holder == identity ? sent.advanced(by: timing.renewDeadline) : nil
    }

    /// Stops leading. Returns the state that tells the others, so that they need not wait; nil if this candidate may not lead any longer.
    package mutating func released(at now: ContinuousClock.Instant, time: String) -> LeaseRecord? {
        guard mayLead(at: now), var record = observed else {
            heldUntil = nil
            return nil
        }
        heldUntil = nil
        record.holder = ""
        record.durationSeconds = 1
        record.acquireTime = time
        record.renewTime = time
        return record
    }
}
