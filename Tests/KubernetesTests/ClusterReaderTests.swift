import FakeKubernetes
import HTTPTransport
import JSON
import Kubernetes
import TestSupport
import Testing

@Suite("Reading the whole cluster")
struct ClusterReaderTests {
    private static let rights: Set<AccessRules.Right> = [
        .init("list", "nodes"), .init("list", "namespaces"), .init("list", "pods"), .init("list", "peerpods"),
        .init("get", "pods"), .init("get", "nodes"), .init("get", "peerpods"), .init("patch", "peerpods"),
    ]

    /// A PeerPod as the Go adaptor writes it.
    private static let upstream: JSONValue = [
        "metadata": [
            "name": "web-resource-x7k2p", "uid": "peerpod-1", "finalizers": ["a/b", "peer.pod/finalizer"],
            "ownerReferences": [
                [
                    "apiVersion": "v1", "kind": "Pod", "name": "web", "uid": "pod-1", "controller": true,
                    "blockOwnerDeletion": true,
                ]
            ],
        ], "spec": ["cloudProvider": "azure", "instanceID": "/subscriptions/s/x/podvm-web-01234567"],
    ]

    @Test("lists are read page by page")
    func pages() async throws {
        var limits = KubernetesClient.Limits()
        limits.pageSize = 3
        try await FakeCluster.run(rights: Self.rights, limits: limits) { fake in
            for number in 1...10 {
                fake.cluster.insert(
                    ["metadata": ["name": .string("p\(number)")], "spec": ["nodeName": number == 1 ? "node-1" : ""]],
                    "pods", in: "default")
            }
            let reader = ClusterReader(fake.client)
            let pods = try await reader.pods()
            #expect(pods.count == 10)
            #expect(pods.compactMap(\.node) == ["node-1"])
            #expect(fake.cluster.requests.count == 4)
            #expect(try await reader.nodes() == ["node-1"])
            #expect(Set(try await reader.namespaces()) == ["default", "kube-system", "kube-public"])
        }
    }

    @Test("an object that cannot be read is an error of the whole list")
    func unreadable() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            fake.cluster.insert(["metadata": ["name": "p1"], "spec": ["nodeName": 7]], "pods", in: "default")
            let reader = ClusterReader(fake.client)
            #expect(await fake.kind { _ = try await reader.pods() } == .malformed)
        }
    }

    @Test("PeerPods of the Go adaptor are read; a cluster without the kind has none; a missing right is an error")
    func peerPods() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            fake.cluster.insert(Self.upstream, "peerpods", in: "default")
            let reader = ClusterReader(fake.client)
            let peerPod = try #require(try await reader.peerPods().first)
            #expect(peerPod.owner?.name == "web" && peerPod.owner?.uid == "pod-1")
            #expect(peerPod.instanceID == "/subscriptions/s/x/podvm-web-01234567" && peerPod.cloudProvider == "azure")
            fake.cluster.set(APIScenario(missing: ["peerpods"]))
            #expect(try await reader.peerPods().isEmpty)
            fake.cluster.set(APIScenario())
            fake.cluster.changeRules { $0.rights["adaptor"] = [] }
            #expect(await fake.kind { _ = try await reader.peerPods() } == .forbidden)
        }
    }

    @Test("only a Status of the API server proves that an object does not exist")
    func absence() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            let reader = ClusterReader(fake.client)
            let (missing, present) = (
                try await reader.uid(of: ObjectName(.nodes, "node-9")),
                try await reader.uid(of: ObjectName(.nodes, "node-1"))
            )
            #expect(missing == nil && present != nil)
            fake.cluster.set(APIScenario(missing: ["peerpods"]))
            let peerPod = ObjectName(.peerPods, "x", in: "default")
            #expect(await fake.kind { _ = try await reader.uid(of: peerPod) } == .notFound)
        }
    }

    @Test("a release removes only this finalizer of this object, and its repetition is harmless")
    func release() async throws {
        try await FakeCluster.run(rights: Self.rights) { fake in
            fake.cluster.insert(Self.upstream, "peerpods", in: "default")
            let stored = try #require(fake.cluster.objects("peerpods").first?["metadata"]?["uid"]?.stringValue)
            let reader = ClusterReader(fake.client)
            let name = ObjectName(.peerPods, "web-resource-x7k2p", in: "default")
            try await reader.release(name, uid: "another", finalizer: "peer.pod/finalizer")
            #expect(fake.cluster.requests.allSatisfy { !$0.contains(" patch ") })
            for _ in 1...2 { try await reader.release(name, uid: stored, finalizer: "peer.pod/finalizer") }
            #expect(fake.cluster.objects("peerpods").first?["metadata"]?["finalizers"] == ["a/b"])
            fake.cluster.remove("peerpods", "web-resource-x7k2p", in: "default")
            try await reader.release(name, uid: stored, finalizer: "peer.pod/finalizer")
        }
    }
}
