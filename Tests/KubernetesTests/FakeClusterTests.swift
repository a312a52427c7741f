import Doubles
import FakeKubernetes
import JSON
import Kubernetes
import LinuxIO
import Telemetry
import TestSupport
import Testing

@Suite("Fake API server, with this project's client")
struct FakeClusterTests {
    private static let node = ObjectName(.nodes, "node-1")
    private static func peerPod(_ name: String, finalizers: JSONValue = []) -> JSONValue {
        [
            "metadata": ["name": .string(name), "finalizers": finalizers],
            "spec": ["cloudProvider": "azure", "instanceID": "/subscriptions/s", "typo": 1],
        ]
    }

    @Test("one merge patch of nodes/status changes annotation and capacity, and nothing else")
    func nodeStatus() async throws {
        try await FakeCluster.run { fake in
            try await fake.client.mergePatch(
                Self.node, subresource: "status",
                [
                    "metadata": ["annotations": ["kata.peerpods.io/caa-owner": "u1"]],
                    "spec": ["unschedulable": true], "status": ["capacity": ["kata.peerpods.io/vm": "10"]],
                ])
            let node = try await fake.client.get(Self.node)
            #expect(node["metadata"]?["annotations"]?["kata.peerpods.io/caa-owner"] == "u1")
            #expect(node["status"]?["capacity"]?["kata.peerpods.io/vm"] == "10")
            #expect(node["status"]?["allocatable"]?["kata.peerpods.io/vm"] == "10")
            #expect(node["status"]?["capacity"]?["cpu"] == "4")
            #expect(node["spec"]?["unschedulable"] == nil)
        }
    }

    @Test("an extended resource that is not a whole number is refused", arguments: ["1500m", "-1"])
    func invalid(value: String) async throws {
        try await FakeCluster.run { fake in
            let kind = await fake.kind {
                try await fake.client.mergePatch(
                    Self.node, subresource: "status", ["status": ["capacity": ["kata.peerpods.io/vm": .string(value)]]])
            }
            #expect(kind == .invalid)
        }
    }

    @Test("a JSON patch with a failed test changes nothing")
    func guarded() async throws {
        try await FakeCluster.run { fake in
            try await fake.client.mergePatch(
                Self.node, subresource: "status",
                [
                    "metadata": ["annotations": ["kata.peerpods.io/caa-owner": "u2"]],
                    "status": ["capacity": ["kata.peerpods.io/vm": "10"]],
                ])
            let path: JSONValue = "/metadata/annotations/kata.peerpods.io~1caa-owner"
            let removal: JSONValue = ["op": "remove", "path": "/status/capacity/kata.peerpods.io~1vm"]
            let kind = await fake.kind {
                try await fake.client.jsonPatch(
                    Self.node, subresource: "status", [["op": "test", "path": path, "value": "u1"], removal])
            }
            #expect(kind == .invalid)
            #expect(try await fake.client.get(Self.node)["status"]?["capacity"]?["kata.peerpods.io/vm"] == "10")
            try await fake.client.jsonPatch(
                Self.node, subresource: "status", [["op": "test", "path": path, "value": "u2"], removal])
            let node = try await fake.client.get(Self.node)
            #expect(node["status"]?["capacity"]?["kata.peerpods.io/vm"] == nil)
            #expect(node["status"]?["allocatable"]?["kata.peerpods.io/vm"] == nil)
        }
    }

    @Test("a PeerPod is pruned, exists once, and its finalizer holds it")
    func peerPods() async throws {
        try await FakeCluster.run(rights: [.init("*", "*")]) { fake in
            let finalizers: JSONValue = ["peer.pod/finalizer"]
            let made = try await fake.client.create(
                Self.peerPod("p", finalizers: finalizers), of: .peerPods, in: "default")
            #expect(made["spec"]?["typo"] == nil)
            #expect(made["metadata"]?["uid"] != nil)
            let again = await fake.kind {
                _ = try await fake.client.create(Self.peerPod("p"), of: .peerPods, in: "default")
            }
            #expect(again == .alreadyExists)
            let name = ObjectName(.peerPods, "p", in: "default")
            try await fake.client.delete(name)
            #expect(try await fake.client.get(name)["metadata"]?["deletionTimestamp"] != nil)
            try await fake.client.mergePatch(name, ["metadata": ["finalizers": .null]])
            #expect(await fake.kind { _ = try await fake.client.get(name) } == .notFound)
        }
    }

    @Test("a missing namespace, a namespace that ends, a missing kind and a name with capitals are refused")
    func refusals() async throws {
        try await FakeCluster.run(rights: [.init("*", "*")]) { fake in
            let create: (String, String) async throws -> Void = { name, namespace in
                _ = try await fake.client.create(Self.peerPod(name), of: .peerPods, in: namespace)
            }
            #expect(await fake.kind { try await create("p", "none") } == .notFound)
            #expect(await fake.kind { try await create("P", "default") } == .invalid)
            fake.cluster.insert(
                ["metadata": ["name": "ending", "finalizers": ["x"]]], "namespaces")
            try await fake.client.delete(ObjectName(.namespaces, "ending"))
            do {
                try await create("p", "ending")
                Issue.record("the namespace is being terminated")
            } catch {
                let error = try #require(error as? KubernetesError)
                #expect(error.kind == .forbidden)
                #expect(error.causes == ["NamespaceTerminating"])
            }
            fake.cluster.set(APIScenario(missing: ["peerpods"]))
            #expect(await fake.kind { try await create("p", "default") } == .notFound)
        }
    }

    @Test("a patch with an old resource version is a conflict")
    func conflict() async throws {
        try await FakeCluster.run { fake in
            let version = try await fake.client.get(Self.node)["metadata"]?["resourceVersion"] ?? ""
            let patch: JSONValue = [
                "metadata": ["resourceVersion": version], "status": ["capacity": ["kata.peerpods.io/vm": "1"]],
            ]
            try await fake.client.mergePatch(Self.node, subresource: "status", patch)
            let kind = await fake.kind {
                try await fake.client.mergePatch(Self.node, subresource: "status", patch)
            }
            #expect(kind == .conflict)
        }
    }

    @Test("events of events.k8s.io are checked as strictly as a real server does")
    func events() async throws {
        try await FakeCluster.run { fake in
            let event: JSONValue = [
                "metadata": ["name": "p.1"], "eventTime": "2026-11-30T05:00:00.000000Z",
                "reportingController": "peerpod.dev/adaptor", "reportingInstance": "node-1", "action": "Start",
                "reason": "VMRequested", "type": "Normal", "note": "text",
                "regarding": ["kind": "Pod", "namespace": "default", "name": "p"],
            ]
            _ = try await fake.client.create(event, of: .events, in: "default")
            #expect(fake.cluster.objects("events")[0]["note"] == "text")
            for (key, value) in [
                ("eventTime", "2026-11-30T05:00:00Z"), ("eventTime", "2026-11-30T05:00:00.000Z"), ("type", "Bogus"),
                ("reportingController", "adaptor"), ("reason", ""),
                ("note", .string(String(repeating: "x", count: 1025))),
                ("regarding", ["kind": "Pod", "namespace": "other", "name": "p"]),
            ] as [(String, JSONValue)] {
                var members = event.objectValue ?? JSONObject()
                members[key] = value
                members["metadata"] = ["name": "p.2"]
                let bad = JSONValue.object(members)
                let kind = await fake.kind { _ = try await fake.client.create(bad, of: .events, in: "default") }
                #expect(kind == .invalid, "\(key)")
            }
            let name = ObjectName(.events, "p.1", in: "default")
            #expect(await fake.kind { try await fake.client.mergePatch(name, ["note": "other"]) } == .invalid)
            let series: JSONValue = ["count": 2, "lastObservedTime": "2026-11-30T05:00:01.000000Z"]
            try await fake.client.mergePatch(name, ["series": series])
            #expect(fake.cluster.objects("events")[0]["series"]?["count"] == 2)
        }
    }

    @Test("each right is needed: without it the answer is 403")
    func rights() async throws {
        try await FakeCluster.run(rights: []) { fake in
            #expect(await fake.kind { _ = try await fake.client.get(Self.node) } == .forbidden)
            #expect(await fake.kind { _ = try await fake.client.list(ObjectSelection(.pods)) } == .forbidden)
            let watch = await fake.kind {
                _ = try await fake.client.watch(ObjectSelection(.pods), from: "1") { _ in }
            }
            #expect(watch == .forbidden)
        }
    }

    @Test("after a rotation of the token, the client uses the new one")
    func rotation() async throws {
        try await FakeCluster.run { fake in
            _ = try await fake.client.get(Self.node)
            fake.cluster.changeRules { $0.tokens = ["t2": "adaptor"] }
            #expect(await fake.kind { _ = try await fake.client.get(Self.node) } == .unauthorized)
            _ = try fake.directory.write("t2", to: "token")
            _ = try await fake.client.get(Self.node)
        }
    }

    @Test("429 with Retry-After is waited for")
    func throttled() async throws {
        try await FakeCluster.run { fake in
            fake.cluster.set(APIScenario([.throttled(first: 1)]))
            let clock = FastClock(loop: fake.loop)
            let begun = clock.now
            _ = try await fake.client.get(Self.node)
            #expect(begun.duration(to: clock.now) >= .seconds(1))
        }
    }

    @Test("a list of many pages is complete")
    func pages() async throws {
        try await FakeCluster.run { fake in
            for number in 0..<600 {
                fake.cluster.insert(
                    [
                        "metadata": ["name": .string("p\(number)")],
                        "spec": ["nodeName": number % 2 == 0 ? "node-1" : "node-2"],
                    ], "pods", in: "default")
            }
            let list = try await fake.client.list(ObjectSelection(.pods, fieldSelector: "spec.nodeName=node-1"))
            #expect(list.objects.count == 300)
            #expect(Set(list.objects.compactMap { $0["metadata"]?["name"]?.stringValue }).count == 300)
            let kind = await fake.kind {
                _ = try await fake.client.list(ObjectSelection(.pods, fieldSelector: "spec.hostname=x"))
            }
            #expect(kind == .invalid)
        }
    }

    @Test("a watch shows changes, ends with a bookmark, and continues; after a compaction the objects are listed again")
    func watches() async throws {
        var limits = KubernetesClient.Limits()
        limits.watch = .seconds(1)
        try await FakeCluster.run(limits: limits) { fake in
            let seen = Lock([String]())
            try await alongside {
                await fake.client.follow(ObjectSelection(Self.node)) { event in
                    let text: String
                    switch event {
                    case .listed(let objects): text = "listed \(objects.count)"
                    case .changed(.modified): text = "modified"
                    case .changed(.deleted): text = "deleted"
                    case .changed(.added): text = "added"
                    case .changed: text = "other"
                    case .failed(let error): text = "\(error.kind)"
                    }
                    seen.withLock { $0.append(text) }
                }
            } _: {
                let expect: (String, Int) async throws -> Void = { what, count in
                    try await eventually(on: fake.loop, "\(what), \(count) times") {
                        seen.withLock { $0.count { $0 == what } } >= count
                    }
                }
                try await expect("listed 1", 1)
                let patch: @Sendable (String) async throws -> Void = { value in
                    try await fake.client.mergePatch(
                        Self.node, subresource: "status",
                        ["status": ["capacity": ["kata.peerpods.io/vm": .string(value)]]])
                }
                try await patch("1")
                try await expect("modified", 1)
                // Longer than one watch lasts.
                try await fake.loop.sleep(for: .milliseconds(1200))
                try await patch("2")
                try await expect("modified", 2)
                fake.cluster.remove("nodes", "node-1")
                try await expect("deleted", 1)
                fake.cluster.addNode("node-1")
                try await expect("added", 1)
                fake.cluster.set(APIScenario([APIFault(.cut, at: "watch", first: 1)]))
                fake.cluster.compact()
                try await expect("listed 1", 2)
                try await patch("3")
                try await expect("modified", 3)
            }
            #expect(!seen.withLock { $0.contains("malformed") })
        }
    }
}
