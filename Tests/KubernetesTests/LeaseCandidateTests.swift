import Kubernetes
import Testing

@Suite("The rules of a Lease")
struct LeaseCandidateTests {
    private let start = ContinuousClock.now

    private func at(_ seconds: Double) -> ContinuousClock.Instant { start.advanced(by: .seconds(seconds)) }

    private func record(
        _ holder: String, renewed: String = "r1", seconds: Int64 = 15, transitions: Int64 = 0
    ) -> LeaseRecord {
        LeaseRecord(
            holder: holder, durationSeconds: seconds, acquireTime: "a", renewTime: renewed, transitions: transitions)
    }

    @Test("a Lease that does not exist is created, and held from before the request was sent")
    func create() {
        var candidate = LeaseCandidate(identity: "me")
        candidate.saw(nil, at: at(0))
        guard case .create(let new) = candidate.decision(at: at(0), time: "t") else {
            Issue.record("no Lease is created")
            return
        }
        #expect(new.holder == "me" && new.durationSeconds == 15 && new.transitions == 0)
        #expect(!candidate.mayLead(at: at(0)), "a decision is no success")
        candidate.wrote(new, sent: at(0))
        #expect(candidate.mayLead(at: at(9.9)) && !candidate.mayLead(at: at(10)))
    }

    @Test("another holder's Lease is taken only when it has not changed for its own duration, by our clock")
    func takeOver() {
        var candidate = LeaseCandidate(identity: "me")
        candidate.saw(record("other", seconds: 30), at: at(0))
        #expect(candidate.decision(at: at(29), time: "t") == .wait)
        candidate.saw(record("other", renewed: "r2", seconds: 30), at: at(29))
        #expect(candidate.decision(at: at(58), time: "t") == .wait)
        candidate.saw(record("other", renewed: "r2", seconds: 30), at: at(59))
        guard case .write(let new) = candidate.decision(at: at(59), time: "t") else {
            Issue.record("the Lease is not taken")
            return
        }
        #expect(new.holder == "me" && new.transitions == 1 && new.acquireTime == "t")
    }

    @Test(
        "the times in the Lease are not compared with a clock: neither a leader ahead nor one behind changes the wait",
        arguments: ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z", "not a time"])
    func skew(time: String) {
        var candidate = LeaseCandidate(identity: "me")
        candidate.saw(record("other", renewed: time), at: at(0))
        #expect(candidate.decision(at: at(14), time: "t") == .wait)
        #expect(candidate.decision(at: at(15), time: "t") != .wait)
    }

    @Test("a released Lease is taken at once, and an absurd duration counts as a day at most")
    func released() {
        var candidate = LeaseCandidate(identity: "me")
        candidate.saw(record("", seconds: 1), at: at(0))
        #expect(candidate.decision(at: at(0), time: "t") != .wait)
        candidate.saw(record("other", seconds: .max), at: at(0))
        #expect(candidate.decision(at: at(86_401), time: "t") != .wait)
        candidate.saw(record("third", seconds: -5), at: at(86_402))
        #expect(candidate.decision(at: at(86_402), time: "t") != .wait)
    }

    @Test("a renewal keeps the time of acquisition, and a leader that sees another holder stops at once")
    func renewal() {
        var candidate = LeaseCandidate(identity: "me")
        candidate.saw(nil, at: at(0))
        candidate.wrote(record("me", transitions: 3), sent: at(0))
        candidate.saw(record("me", transitions: 3), at: at(2))
        guard case .write(let new) = candidate.decision(at: at(2), time: "t") else {
            Issue.record("the Lease is not renewed")
            return
        }
        #expect(new.acquireTime == "a" && new.renewTime == "t" && new.transitions == 3)
        candidate.saw(record("other"), at: at(3))
        #expect(!candidate.mayLead(at: at(3)))
    }

    @Test("a leader stops before another one can begin, for every delay of the last renewal's way to the other")
    func noOverlap() {
        for delay in stride(from: 0.0, through: 9.5, by: 0.5) {
            var (leader, other) = (LeaseCandidate(identity: "a"), LeaseCandidate(identity: "b"))
            leader.saw(nil, at: at(0))
            leader.wrote(record("a"), sent: at(0))
            // The server stores the renewal after `delay`, and the other reads it then or later.
            other.saw(record("a"), at: at(delay))
            for moment in stride(from: delay, through: 40, by: 0.25)
            where other.decision(at: at(moment), time: "t") != .wait {
                #expect(!leader.mayLead(at: at(moment)), "both at \(moment) s, with a delay of \(delay) s")
            }
        }
    }

    @Test("a leader that was suspended may not lead when it continues, and releases nothing")
    func suspended() {
        var candidate = LeaseCandidate(identity: "me")
        candidate.saw(nil, at: at(0))
        candidate.wrote(record("me"), sent: at(0))
        #expect(!candidate.mayLead(at: at(60)))
        #expect(candidate.released(at: at(60), time: "t") == nil)
    }

    @Test("a release says that there is no leader, and the candidate may not lead any longer")
    func release() {
        var candidate = LeaseCandidate(identity: "me")
        candidate.saw(nil, at: at(0))
        candidate.wrote(record("me", transitions: 2), sent: at(0))
        let released = candidate.released(at: at(1), time: "t")
        #expect(
            released == LeaseRecord(holder: "", durationSeconds: 1, acquireTime: "t", renewTime: "t", transitions: 2))
        #expect(!candidate.mayLead(at: at(1)))
    }

    @Test("times that do not work together are refused")
    func timing() {
        typealias Timing = LeaseCandidate.Timing
        func problem(_ change: (inout Timing) -> Void) -> String? {
            var timing = Timing()
            change(&timing)
            return timing.problem
        }
        #expect(problem { _ in } == nil)
        #expect(problem { $0.renewDeadline = .seconds(15) } != nil)
        #expect(problem { $0.retryPeriod = .seconds(9) } != nil)
        #expect(problem { $0.leaseDuration = .milliseconds(15_500) } != nil)
        #expect(problem { $0.retryPeriod = .zero } != nil)
    }
}
