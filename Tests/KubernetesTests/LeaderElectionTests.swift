import FakeKubernetes
import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@Suite("Leader election at an API server")
struct LeaderElectionTests {
    private static let rights: Set<AccessRules.Right> = [
        .init("get", "leases"), .init("create", "leases"), .init("patch", "leases"),
    ]

    private static var timing: LeaseCandidate.Timing {
        var timing = LeaseCandidate.Timing()
        timing.leaseDuration = .seconds(2)
        timing.renewDeadline = .seconds(1)
        timing.retryPeriod = .milliseconds(100)
        return timing
    }

    private static func limits(call: Duration) -> KubernetesClient.Limits {
        var limits = KubernetesClient.Limits()
        limits.call = call
        return limits
    }

    private func election(_ fake: FakeCluster, _ identity: String, clock: (any LifecycleClock)? = nil) -> LeaderElection
    {
        LeaderElection(
            fake.client, lease: "controller", in: "default", identity: identity, timing: Self.timing,
            clock: clock ?? LoopClock(loop: fake.loop), metrics: fake.metrics)
    }

    private func holder(_ fake: FakeCluster) -> String? {
        fake.cluster.objects("leases").first?["spec"]?["holderIdentity"]?.stringValue
    }

    /// Leads until cancelled; counts how many lead at the same time.
    private final class Work: Sendable {
        private let counts = Lock((now: 0, most: 0, all: [String]()))
        var most: Int { counts.withLock { $0.most } }
        var leaders: [String] { counts.withLock { $0.all } }

        func lead(_ name: String) async {
            counts.withLock { counts in
                counts.now += 1
                counts.most = max(counts.most, counts.now)
                counts.all.append(name)
            }
            await Event().wait()
            counts.withLock { $0.now -= 1 }
        }
    }

    @Test("one of two replicas leads; after an orderly end the other one leads at once")
    func orderly() async throws {
        let limits = Self.limits(call: .seconds(1))
        try await FakeCluster.run(rights: Self.rights, limits: limits) { fake in
            let work = Work()
            let (a, b) = (election(fake, "a"), election(fake, "b"))
            let (stopA, stopB) = (Event(), Event())
            try await alongside({ await a.run(until: stopA) { await work.lead("a") } }) {
                try await eventually(on: fake.loop, "the first leader") { work.leaders == ["a"] && a.mayLead }
                try await alongside({ await b.run(until: stopB) { await work.lead("b") } }) {
                    // b sees the Lease of a, which is renewed.
                    try await eventually(on: fake.loop, "the sight of the leader") { b.leader == "a" }
                    #expect(!b.mayLead)
                    let begun = ContinuousClock.now
                    stopA.set()
                    try await eventually(on: fake.loop, "the second leader") { work.leaders == ["a", "b"] }
                    #expect(begun.duration(to: .now) < .seconds(2), "a release need not be waited for")
                    #expect(holder(fake) == "b")
                    #expect(fake.cluster.objects("leases").first?["spec"]?["leaseTransitions"] == 1)
                    stopB.set()
                    try await eventually(on: fake.loop, "the release") { holder(fake) == nil }
                }
            }
            #expect(work.most == 1)
        }
    }

    @Test("a leader that cannot renew stops its work before another replica leads")
    func cannotRenew() async throws {
        let limits = Self.limits(call: .milliseconds(500))
        try await FakeCluster.run(rights: Self.rights, limits: limits) { fake in
            let work = Work()
            let a = election(fake, "a")
            // Only a's token loses its right.
            let bToken = try fake.directory.write("t2", to: "token2")
            fake.cluster.changeRules {
                $0.tokens["t2"] = "second"
                $0.rights["second"] = Self.rights
            }
            let client = try fake.second(token: bToken, limits: limits)
            let b = LeaderElection(
                client.client, lease: "controller", in: "default", identity: "b", timing: Self.timing,
                clock: LoopClock(loop: fake.loop))
            let stop = Event()
            try await alongside([
                { do { try await client.sender.run() } catch is CancellationError {} },
                { await a.run(until: stop) { await work.lead("a") } },
            ]) {
                try await eventually(on: fake.loop, "the first leader") { work.leaders == ["a"] }
                try await alongside({ await b.run(until: stop) { await work.lead("b") } }) {
                    try await eventually(on: fake.loop, "the sight of the leader") { b.leader == "a" }
                    fake.cluster.changeRules { $0.rights["adaptor"] = [.init("get", "leases")] }
                    try await eventually(on: fake.loop, "the second leader") { work.leaders == ["a", "b"] }
                    #expect(!a.mayLead && b.mayLead)
                    // With its right again, a does not take the Lease back.
                    fake.cluster.changeRules { $0.rights["adaptor"] = Self.rights }
                    try await eventually(on: fake.loop, "the sight of the new leader") { a.leader == "b" }
                    stop.set()
                }
            }
            #expect(work.most == 1)
        }
    }

    @Test("a Lease that was deleted or given to another holder ends the leadership at the next renewal")
    func taken() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            let work = Work()
            let a = election(fake, "a")
            let stop = Event()
            try await alongside({ await a.run(until: stop) { await work.lead("a") } }) {
                try await eventually(on: fake.loop, "the leader") { work.leaders == ["a"] }
                fake.cluster.remove("leases", "controller", in: "default")
                fake.cluster.insert(
                    [
                        "metadata": ["name": "controller"],
                        "spec": [
                            "holderIdentity": "x", "leaseDurationSeconds": 3600,
                            "renewTime": "2026-01-01T00:00:00.000000Z",
                        ],
                    ], "leases", in: "default")
                try await eventually(on: fake.loop, "the end of the leadership") { !a.mayLead && a.leader == "x" }
                #expect(work.leaders == ["a"])
                stop.set()
            }
            #expect(holder(fake) == "x", "a Lease of another holder is not released")
        }
    }

    @Test("an API server that is away at the start, or refuses, makes no leader and is asked again")
    func away() async throws {
        let limits = Self.limits(call: .milliseconds(300))
        try await FakeCluster.run(rights: [], limits: limits) { fake in
            let work = Work()
            let a = election(fake, "a")
            let stop = Event()
            try await alongside({ await a.run(until: stop) { await work.lead("a") } }) {
                try await eventually(on: fake.loop, "some tries") {
                    fake.cluster.requests.count {
                        $0 == "adaptor get /apis/coordination.k8s.io/v1/namespaces/default/leases/controller"
                    } > 2
                }
                #expect(work.leaders.isEmpty)
                fake.cluster.changeRules { $0.rights["adaptor"] = Self.rights }
                try await eventually(on: fake.loop, "the leader") { work.leaders == ["a"] }
                stop.set()
            }
        }
    }
}
