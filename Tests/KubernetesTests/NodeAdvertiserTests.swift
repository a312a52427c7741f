import Doubles
import FakeKubernetes
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@Suite("Advertising pod VMs on the node")
struct NodeAdvertiserTests {
    private func advertiser(
        _ fake: FakeCluster, _ owner: String, limit: Int = 10, features: ClusterFeatures? = nil
    ) -> NodeAdvertiser {
        NodeAdvertiser(
            fake.client, node: "node-1", owner: owner, limit: limit,
            features: features ?? ClusterFeatures(metrics: fake.metrics), clock: FastClock(loop: fake.loop))
    }

    private func capacity(_ fake: FakeCluster) -> JSONValue? {
        fake.cluster.objects("nodes").first?["status"]?["capacity"]?["kata.peerpods.io/vm"]
    }

    private func owner(_ fake: FakeCluster) -> JSONValue? {
        fake.cluster.objects("nodes").first?["metadata"]?["annotations"]?["kata.peerpods.io/caa-owner"]
    }

    @Test("capacity and owner come in one request, and come again when the node was registered as a new object")
    func registeredAgain() async throws {
        try await FakeCluster.run { fake in
            let advertiser = advertiser(fake, "u1", limit: 7)
            try await alongside({ await advertiser.run() }) {
                try await eventually(on: fake.loop, "the capacity") { capacity(fake) == "7" && owner(fake) == "u1" }
                #expect(fake.cluster.requests.first == "adaptor patch /api/v1/nodes/node-1/status")
                fake.cluster.remove("nodes", "node-1")
                fake.cluster.addNode("node-1")
                try await eventually(on: fake.loop, "the capacity again") {
                    capacity(fake) == "7" && owner(fake) == "u1"
                }
            }
        }
    }

    @Test("the later of two adaptors owns the node; the earlier leaves the capacity when it ends")
    func twoAdaptors() async throws {
        try await FakeCluster.run { fake in
            let (old, new) = (advertiser(fake, "u1"), advertiser(fake, "u2"))
            try await alongside({ await old.run() }) {
                try await eventually(on: fake.loop, "the first owner") { owner(fake) == "u1" }
                try await alongside({ await new.run() }) {
                    try await eventually(on: fake.loop, "the second owner") { owner(fake) == "u2" }
                    // The earlier one sees the change, and does not take the node back.
                    fake.cluster.remove("nodes", "none")
                    try await fake.loop.sleep(for: .milliseconds(300))
                    #expect(owner(fake) == "u2")
                    try await old.withdraw()
                    #expect(capacity(fake) == "10")
                }
            }
            try await new.withdraw()
            #expect(capacity(fake) == nil)
            // A second time is harmless.
            try await new.withdraw()
        }
    }

    @Test(
        "the capacity is withdrawn also when the connection breaks before or after the withdrawal",
        arguments: [true, false])
    func brokenConnection(hasEffect: Bool) async throws {
        try await FakeCluster.run { fake in
            let advertiser = advertiser(fake, "u1")
            try await alongside({ await advertiser.run() }) {
                try await eventually(on: fake.loop, "the capacity") { capacity(fake) == "10" }
                fake.cluster.set(APIScenario([APIFault(hasEffect ? .dropAfter : .dropBefore, at: "patch", first: 1)]))
                try await advertiser.withdraw()
                #expect(capacity(fake) == nil)
                #expect(fake.cluster.requests.count { $0.contains("adaptor patch") } == 3)
            }
        }
    }

    /// Whether a standby waits, and how often the adaptor that serves has looked.
    private final class StandbySign: Sendable {
        private let state = Lock((waits: false, looks: 0))

        var looks: Int { state.withLock { $0.looks } }
        func set(_ waits: Bool) { state.withLock { $0 = (waits, 0) } }
        func look() -> Bool {
            state.withLock { state in
                state.looks += 1
                return state.waits
            }
        }
    }

    /// Runs an adaptor that serves, and its standby until it owns the node and has been seen; then `body`.
    private func withStandby(
        _ fake: FakeCluster,
        _ body: @escaping @Sendable (_ old: NodeAdvertiser, _ standby: StandbySign) async throws -> Void
    ) async throws {
        let (old, new) = (advertiser(fake, "u1"), advertiser(fake, "u2"))
        let standby = StandbySign()
        try await alongside({ await old.run() }) {
            old.serve { standby.look() }
            try await eventually(on: fake.loop, "the first owner") { owner(fake) == "u1" }
            standby.set(true)
            try await alongside({ await new.run() }) {
                try await eventually(on: fake.loop, "the second owner, seen as a standby") {
                    owner(fake) == "u2" && standby.looks > 1
                }
            }
            try await body(old, standby)
        }
    }

    @Test("when a standby ends, the adaptor that serves takes the node back, and withdraws the capacity at its own end")
    func standbyEnds() async throws {
        try await FakeCluster.run { fake in
            try await withStandby(fake) { old, standby in
                #expect(owner(fake) == "u2", "while the standby waits")
                standby.set(false)
                try await eventually(on: fake.loop, "the first owner again") { owner(fake) == "u1" }
                #expect(capacity(fake) == "10")
                try await old.withdraw()
                #expect(capacity(fake) == nil)
            }
        }
    }

    @Test("an adaptor that ends right after its standby withdraws the capacity; while the standby waits it does not")
    func bothEnd() async throws {
        for ends in [true, false] {
            try await FakeCluster.run { fake in
                try await withStandby(fake) { old, standby in
                    if ends { standby.set(false) }
                    try await old.withdraw()
                    #expect(capacity(fake) == (ends ? nil : "10"))
                }
            }
        }
    }

    @Test("an owner that was never seen as a standby, such as another kind of adaptor, keeps the node")
    func otherKind() async throws {
        try await FakeCluster.run { fake in
            let (old, other) = (advertiser(fake, "u1"), advertiser(fake, "u2"))
            let standby = StandbySign()
            try await alongside({ await old.run() }) {
                old.serve { standby.look() }
                try await eventually(on: fake.loop, "the first owner") { owner(fake) == "u1" }
                try await alongside({ await other.run() }) {
                    try await eventually(on: fake.loop, "the second owner, and looks for a standby") {
                        owner(fake) == "u2" && standby.looks > 2
                    }
                }
                try await old.withdraw()
                #expect(capacity(fake) == "10")
            }
        }
    }

    @Test("a standby that begins to serve takes the node from another standby that has ended")
    func oneOfTwoStandbys() async throws {
        try await FakeCluster.run { fake in
            let (first, second) = (advertiser(fake, "u2"), advertiser(fake, "u3"))
            try await alongside({ await first.run() }) {
                try await eventually(on: fake.loop, "the first standby") { owner(fake) == "u2" }
                try await alongside({ await second.run() }) {
                    try await eventually(on: fake.loop, "the second standby") { owner(fake) == "u3" }
                }
                first.serve { false }
                try await eventually(on: fake.loop, "the first standby as owner") { owner(fake) == "u2" }
                try await first.withdraw()
                #expect(capacity(fake) == nil)
            }
        }
    }

    @Test("a standby that begins to serve takes the node from a standby that its watch has not reported")
    func standbyBehindItsWatch() async throws {
        try await FakeCluster.run { fake in
            fake.cluster.set(APIScenario([APIFault(.hang, at: "watch")]))
            let (first, second) = (advertiser(fake, "u2"), advertiser(fake, "u3"))
            try await alongside({ await first.run() }) {
                try await eventually(on: fake.loop, "the first standby, and its watch") {
                    owner(fake) == "u2" && fake.cluster.requests.contains { $0.contains("adaptor watch") }
                }
                try await alongside({ await second.run() }) {
                    try await eventually(on: fake.loop, "the second standby") { owner(fake) == "u3" }
                }
                first.serve { false }
                try await eventually(on: fake.loop, "the first standby as owner") { owner(fake) == "u2" }
            }
        }
    }

    @Test("a capacity that was withdrawn is not advertised again, though the watch reports the change")
    func withdrawn() async throws {
        try await FakeCluster.run { fake in
            // The pause between two writes passes at once on this clock: a second write would come at once.
            let advertiser = NodeAdvertiser(
                fake.client, node: "node-1", owner: "u1", limit: 10, features: ClusterFeatures(metrics: fake.metrics),
                clock: InstantClock())
            try await alongside({ await advertiser.run() }) {
                try await eventually(on: fake.loop, "the watch of the node") {
                    capacity(fake) == "10" && fake.cluster.requests.contains { $0.contains("adaptor watch") }
                }
                try await advertiser.withdraw()
                fake.cluster.remove("nodes", "node-1")
                fake.cluster.addNode("node-1")
                try await fake.loop.sleep(for: .milliseconds(300))
                #expect(capacity(fake) == nil)
                #expect(fake.cluster.requests.count { $0.contains("adaptor patch") } == 2)
            }
        }
    }

    @Test("without the right to watch, the node is read; without the right to patch, the feature says what is missing")
    func rights() async throws {
        let rights: Set<AccessRules.Right> = [.init("patch", "nodes/status"), .init("get", "nodes")]
        try await FakeCluster.run(rights: rights) { fake in
            let features = ClusterFeatures(metrics: fake.metrics)
            let advertiser = advertiser(fake, "u1", features: features)
            try await alongside({ await advertiser.run() }) {
                try await eventually(on: fake.loop, "a read of the node") {
                    fake.cluster.requests.contains("adaptor get /api/v1/nodes/node-1")
                }
                #expect(capacity(fake) == "10")
                #expect(features.missing.isEmpty)
                fake.cluster.changeRules { $0.rights["adaptor"] = [.init("get", "nodes")] }
                fake.cluster.remove("nodes", "node-1")
                fake.cluster.addNode("node-1")
                try await eventually(on: fake.loop, "the missing right") {
                    features.missing.contains { $0.contains("forbidden") && $0.contains("nodes/status: patch") }
                }
                #expect(fake.metrics.render().contains(#"peerpods_kubernetes_feature{feature="node-resource"} 0"#))
            }
        }
    }

    @Test("an API server that is away at the start is used as soon as it answers")
    func away() async throws {
        try await FakeCluster.run(rights: []) { fake in
            fake.cluster.changeRules { $0.tokens = [:] }
            let features = ClusterFeatures(metrics: fake.metrics)
            let advertiser = advertiser(fake, "u1", features: features)
            try await alongside({ await advertiser.run() }) {
                try await eventually(on: fake.loop, "the failure") { !features.missing.isEmpty }
                fake.cluster.changeRules {
                    $0.tokens["t1"] = "adaptor"
                    $0.rights["adaptor"] = FakeCluster.adaptorRights
                }
                try await eventually(on: fake.loop, "the capacity") { capacity(fake) == "10" }
                try await eventually(on: fake.loop, "the end of the failure") { features.missing.isEmpty }
            }
        }
    }
}
