import Doubles
import FakeKubernetes
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

/// The observer of one node, with a pod at the fake API server.
private struct ObserverRig: Sendable {
    let fake: FakeCluster
    let features: ClusterFeatures
    let observer: ClusterObserver
    let pod: ObservedPod

    static func run(
        rights: Set<AccessRules.Right> = FakeCluster.adaptorRights, hasPod: Bool = true,
        _ body: @escaping @Sendable (ObserverRig) async throws -> Void
    ) async throws {
        try await FakeCluster.run(rights: rights) { fake in
            if hasPod {
                fake.cluster.insert(
                    ["metadata": ["name": "web"], "spec": ["containers": []]], "pods", in: "default")
            }
            let features = ClusterFeatures(metrics: fake.metrics)
            let identities = PodIdentities(fake.client)
            let clock = FastClock(loop: fake.loop)
            let observer = ClusterObserver(
                events: EventReporter(
                    fake.client, identities, node: "node-1", features: features, clock: clock, metrics: fake.metrics),
                peerPods: PeerPodKeeper(
                    fake.client, identities, cloudProvider: "azure", features: features, clock: clock))
            let pod = ObservedPod(
                name: "web", namespace: "default", sandbox: try SandboxID(validating: "0123456789abcdef0123"),
                vm: InstanceID(rawValue: "podvm-web-01234567"),
                vmPath:
                    "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/podvm-web-01234567")
            try await alongside({ await observer.run() }) {
                try await body(ObserverRig(fake: fake, features: features, observer: observer, pod: pod))
            }
        }
    }

    func events(_ count: Int) async throws -> [JSONObject] {
        try await eventually(on: fake.loop, "\(count) events") { fake.cluster.objects("events").count >= count }
        return fake.cluster.objects("events")
    }

    var peerPods: [JSONObject] { fake.cluster.objects("peerpods") }
}

@Suite("Events and PeerPods")
struct PodObjectTests {
    private static let quota = ProviderError(
        .quotaExceeded, .giveUp, during: "create VM",
        "QuotaExceeded: too many cores" + String(repeating: "é", count: 900) + " (request id 42)")

    @Test("a start is shown by Normal events on the pod, a failure by a Warning with Azure's words")
    func events() async throws {
        try await ObserverRig.run { rig in
            let place = InstancePlace(size: "Standard_DC2es_v6", zone: "2", tee: .tdx)
            let instance = Instance(id: rig.pod.vm, addresses: ["10.0.0.4"], place: place)
            let steps: [LifecycleEvent] = [
                .preparing, .detailMissing("no right"), .requested,
                .placed(place, because: "the pod's spec needs 2 vCPUs"),
                .refused(RefusedTry(place: place, code: "SkuNotAvailable", detail: "SkuNotAvailable: none", next: nil)),
                .replaced(Self.quota), .addressKnown(instance), .running(.seconds(21)), .deleted,
            ]
            for event in steps { rig.observer.observe(event, of: rig.pod) }
            rig.observer.observe(.startFailed(LifecycleError(.internal, "\(Self.quota)")), of: rig.pod)
            let events = try await rig.events(8)
            let uid = rig.fake.cluster.objects("pods")[0]["metadata"]?["uid"]
            #expect(events.allSatisfy { $0["regarding"]?["uid"] == uid && $0["regarding"]?["name"] == "web" })
            let types = Dictionary(events.map { ($0["reason"] ?? "", $0["type"] ?? "") }.map { ("\($0)", $1) }) { $1 }
            #expect(types.count == 8)
            #expect(types.values.count { $0 == "Warning" } == 1)
            let failure = try #require(events.first { $0["type"] == "Warning" }?["note"]?.stringValue)
            #expect(failure.contains("QuotaExceeded") && failure.contains("request id 42"))
            #expect(failure.utf8.count <= 1024)
            let notes = events.compactMap { $0["note"]?.stringValue }
            for words in [
                "of size Standard_DC2es_v6 in zone 2 (tdx) for sandbox 0123456789abcdef0123: the pod's spec needs 2 vCPUs",
                "was refused as Standard_DC2es_v6 in zone 2 (tdx), no other size or zone is left to try: SkuNotAvailable",
                "(Standard_DC2es_v6 in zone 2 (tdx)) has the address 10.0.0.4", "no right",
            ] { #expect(notes.contains { $0.contains(words) }, "\(words): \(notes)") }
            #expect(rig.features.missing.isEmpty)
        }
    }

    @Test("an event that comes again is one object with a series")
    func series() async throws {
        try await ObserverRig.run { rig in
            for _ in 0..<3 { rig.observer.observe(.deletionFailed("throttled"), of: rig.pod) }
            try await eventually(on: rig.fake.loop, "the series") {
                rig.fake.cluster.objects("events").first?["series"]?["count"] == 3
            }
            #expect(rig.fake.cluster.objects("events").count == 1)
        }
    }

    @Test("a start that was called off is no Warning")
    func calledOff() async throws {
        try await ObserverRig.run { rig in
            rig.observer.observe(.startFailed(LifecycleError(.cancelled, "the sandbox was stopped.")), of: rig.pod)
            let events = try await rig.events(1)
            #expect(events[0]["type"] == "Normal")
        }
    }

    @Test("a full queue and a missing right drop events, and delay nothing")
    func dropped() async throws {
        try await ObserverRig.run(rights: [.init("get", "pods")]) { rig in
            for number in 0..<1000 { rig.observer.observe(.deletionFailed("\(number)"), of: rig.pod) }
            try await eventually(on: rig.fake.loop, "the missing right") {
                rig.features.missing.contains { $0.hasPrefix("events: ") && $0.contains("create") }
            }
            try await eventually(on: rig.fake.loop, "the count") {
                rig.fake.metrics.render().contains(#"peerpods_kubernetes_events_total{outcome="dropped"} 1000"#)
            }
        }
    }

    @Test("the PeerPod exists before the VM is asked for, and goes with its pod when the VM is deleted")
    func peerPod() async throws {
        try await ObserverRig.run { rig in
            await rig.observer.willCreateInstance(of: rig.pod)
            let made = try #require(rig.peerPods.first)
            #expect(made["spec"]?["instanceID"] == .string(rig.pod.vmPath))
            #expect(made["spec"]?["cloudProvider"] == "azure")
            #expect(made["metadata"]?["name"] == "web-resource-0123456789abcdef")
            #expect(made["metadata"]?["finalizers"] == ["peer.pod/finalizer"])
            let owner = made["metadata"]?["ownerReferences"]?.arrayValue?.first
            #expect(owner?["kind"] == "Pod" && owner?["controller"] == true)
            // A later process repeats the start.
            await rig.observer.willCreateInstance(of: rig.pod)
            #expect(rig.peerPods.count == 1)
            rig.fake.cluster.remove("pods", "web", in: "default")
            #expect(rig.peerPods.first?["metadata"]?["deletionTimestamp"] != nil, "the finalizer holds it")
            rig.observer.didDeleteInstance(of: rig.pod)
            try await eventually(on: rig.fake.loop, "the end of the PeerPod") { rig.peerPods.isEmpty }
            #expect(rig.features.missing.isEmpty)
        }
    }

    @Test("a pod that is deleted before its VM is asked for gets its PeerPod and events; the PeerPod goes with the VM")
    func deletedBeforeStart() async throws {
        try await ObserverRig.run { rig in
            // CreateVM has read the pod.
            rig.observer.observe(.detailMissing("none"), of: rig.pod)
            _ = try await rig.events(1)
            rig.fake.cluster.remove("pods", "web", in: "default")
            await rig.observer.willCreateInstance(of: rig.pod)
            #expect(rig.peerPods.first?["metadata"]?["deletionTimestamp"] != nil, "its owner does not exist")
            #expect(rig.peerPods.first?["metadata"]?["finalizers"] == ["peer.pod/finalizer"])
            rig.observer.observe(.deleted, of: rig.pod)
            _ = try await rig.events(2)
            rig.observer.didDeleteInstance(of: rig.pod)
            try await eventually(on: rig.fake.loop, "the end of the PeerPod") { rig.peerPods.isEmpty }
            #expect(rig.features.missing.isEmpty)
        }
    }

    @Test("without the CRD, the pod or a server's answer the start goes on, and the reason is named")
    func withoutPeerPods() async throws {
        try await ObserverRig.run { rig in
            rig.fake.cluster.set(APIScenario(missing: ["peerpods"]))
            await rig.observer.willCreateInstance(of: rig.pod)
            #expect(rig.features.missing.contains { $0.contains("404 page not found") })
            rig.fake.cluster.set(APIScenario([.throttled(retryAfter: 20)]))
            let begun = ContinuousClock.now
            await rig.observer.willCreateInstance(of: rig.pod)
            #expect(begun.duration(to: .now) < .seconds(4))
            #expect(rig.peerPods.isEmpty)
            rig.fake.cluster.set(APIScenario())
            await rig.observer.willCreateInstance(of: rig.pod)
            #expect(rig.features.missing.isEmpty)
        }
        try await ObserverRig.run(hasPod: false) { rig in
            await rig.observer.willCreateInstance(of: rig.pod)
            #expect(rig.peerPods.isEmpty)
        }
    }
}
