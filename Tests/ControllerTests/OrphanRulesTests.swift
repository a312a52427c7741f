import Controller
import PodVMLifecycle
import Testing

@Suite("What is an orphan")
struct OrphanRulesTests {
    private func orphans(
        _ vms: [ListedInstance] = [], _ leftovers: [Leftover] = [], in snapshot: ClusterSnapshot = Example.snapshot()
    ) -> [Orphan] {
        Example.rules.orphans(vms: vms, leftovers: leftovers, in: snapshot)
    }

    @Test("nothing of a node and a namespace that exist")
    func alive() {
        let peerPod = Example.peerPod()
        #expect(orphans([Example.vm()], [Example.disk()], in: Example.snapshot(peerPods: [peerPod])).isEmpty)
    }

    @Test("a VM, and a disk without a VM, of a node that does not exist")
    func nodeGone() throws {
        let tags = Example.tags(node: "node-9")
        let found = orphans([Example.vm(tags: tags)], [Example.disk(tags: tags)])
        #expect(found.map(\.reason) == [.nodeGone, .nodeGone])
        #expect(found.map(\.kind) == ["VM", "disk"])
        #expect(found.allSatisfy { $0.obstacle == nil && $0.absent == [.node("node-9")] })
        #expect(found.first?.size == "Standard_DC2es_v6")
        #expect(found.last?.created == 1_767_225_000, "the tag counts where the cloud does not say")
    }

    @Test("a VM stays while its pod is still bound to the node that does not exist")
    func podStillBound() {
        let tags = Example.tags(node: "node-9")
        let bound = ClusterSnapshot.Pod(namespace: "default", name: "web", uid: "pod-1", node: "node-9")
        let found = orphans([Example.vm(tags: tags)], in: Example.snapshot(pods: [Example.controller, bound]))
        #expect(found.first?.obstacle == "its pod default/web still exists at the API server and is bound to that node")
    }

    @Test(
        "a VM stays while its pod exists on another node than its tag says; a pod of the name that is newer than the VM is another pod"
    )
    func podElsewhere() {
        let vm = Example.vm(tags: Example.tags(node: "node-9"))
        func obstacle(_ created: String) -> String? {
            let pod = ClusterSnapshot.Pod(
                namespace: "default", name: "web", uid: "pod-1", node: "node-1", created: created)
            return orphans([vm], in: Example.snapshot(pods: [Example.controller, pod])).first?.obstacle
        }
        // The VM is of 2025-12-31T23:50:00Z.
        for older in ["2025-12-31T23:49:59Z", "2025-12-31T23:50:00Z", "1999-01-01T00:00:00Z", ""] {
            #expect(obstacle(older) == "its pod default/web still exists, and was created before it")
        }
        for newer in ["2025-12-31T23:50:01Z", "2026-01-01T00:00:00Z"] { #expect(obstacle(newer) == nil) }
    }

    @Test("a VM of a namespace that does not exist")
    func namespaceGone() {
        let found = orphans([Example.vm(tags: Example.tags(namespace: "old"))])
        #expect(found.map(\.reason) == [.namespaceGone])
        #expect(found.first?.absent == [.namespace("old")])
    }

    @Test(
        "never a VM of another cluster, of no cluster, without a node, or without a valid sandbox",
        arguments: [
            Example.tags(node: "node-9", cluster: "c2"), Example.tags(node: "node-9", cluster: ""), [:],
            Example.tags(node: ""), Example.tags(node: "node-9").merging([InstanceTags.sandbox: "../x"]) { $1 },
            Example.tags(node: "node-9").filter { $0.key != InstanceTags.cluster },
            Example.tags(node: "node-9").filter { $0.key != InstanceTags.sandbox },
        ])
    func foreign(tags: [String: String]) {
        #expect(orphans([Example.vm(tags: tags)], [Example.disk(tags: tags)]).isEmpty)
    }

    @Test("an empty identity of the cluster matches nothing")
    func noIdentity() {
        let tags = Example.tags(node: "node-9", cluster: "")
        let rules = OrphanRules(cluster: "")
        #expect(rules.orphans(vms: [Example.vm(tags: tags)], leftovers: [], in: Example.snapshot()).isEmpty)
    }

    @Test("a PeerPod whose pod does not exist; a new pod of the same name is another pod")
    func podGone() {
        let new = ClusterSnapshot.Pod(namespace: "default", name: "web", uid: "pod-2", node: "node-1")
        let snapshot = Example.snapshot(pods: [Example.controller, new], peerPods: [Example.peerPod()])
        let found = orphans([Example.vm()], in: snapshot)
        #expect(found.map(\.kind) == ["PeerPod"])
        #expect(found.first?.reason == .podGone)
        #expect(found.first?.absent == [.pod(namespace: "default", name: "web", uid: "pod-1")])
        #expect(found.first?.vm == "podvm-web-01234567" && found.first?.size == "Standard_DC2es_v6")
    }

    @Test("a PeerPod of upstream's adaptor, whose VM has no tags")
    func upstream() {
        let snapshot = Example.snapshot(pods: [Example.controller], peerPods: [Example.peerPod()])
        let found = orphans([Example.vm(tags: ["team": "a"])], in: snapshot)
        #expect(found.map(\.obstacle) == [nil])
    }

    @Test("a PeerPod of another cloud, or without the finalizer, is not handled")
    func otherPeerPods() {
        let peerPods = [Example.peerPod(cloudProvider: "aws"), Example.peerPod(finalizers: ["x/y"])]
        #expect(orphans(in: Example.snapshot(pods: [Example.controller], peerPods: peerPods)).isEmpty)
    }

    @Test("a PeerPod without an owner is reported and stays")
    func noOwner() {
        let found = orphans(in: Example.snapshot(peerPods: [Example.peerPod(owner: nil)]))
        #expect(found.first?.obstacle?.contains("names no pod") == true)
    }

    /// A VM that a PeerPod in `default` of the pod `web` names, and why it gives no right to delete it.
    private static let faults: [(name: String, tags: [String: String], hint: String)] = [
        ("podvm-other-01234567", [:], "not called like a VM of the pod web"),
        ("podvm-web-db-01234567", [:], "not called like a VM of the pod web"),
        ("database", [:], "not called like a VM of the pod web"),
        ("podvm-web-01234567", Example.tags(cluster: "c2"), "peerpods-cluster"),
        ("podvm-web-01234567", Example.tags(namespace: "payments"), "peerpods-namespace"),
        ("podvm-web-01234567", Example.tags(pod: "web2"), "peerpods-pod"),
    ]

    @Test("a PeerPod gives no right to delete a VM of another pod, namespace or cluster", arguments: 0..<6)
    func confusedDeputy(index: Int) {
        let row = Self.faults[index]
        let peerPod = Example.peerPod(vm: row.name)
        let vm = Example.vm(row.name, tags: row.tags)
        #expect(Example.rules.fault(of: vm, for: peerPod)?.contains(row.hint) == true)
        let snapshot = Example.snapshot(pods: [Example.controller], peerPods: [peerPod])
        #expect(orphans([vm], in: snapshot).first { $0.kind == "PeerPod" }?.obstacle?.contains(row.hint) == true)
    }

    @Test("the name of a VM shows its pod, also where the pod's name is too long or has other characters")
    func names() throws {
        for pod in ["web", "a.b.c", String(repeating: "x", count: 200)] {
            for sandbox in ["0123456789abcdef", "sandbox-1"] {
                let name = VMName.make(pod: pod, sandbox: try SandboxID(validating: sandbox))
                #expect(VMName.mayBelong(name, toPod: pod))
                #expect(!VMName.mayBelong(name, toPod: "other"))
            }
        }
    }
}

@Suite("Lists that cannot be complete")
struct ClusterSnapshotTests {
    private static let doubtful: [(snapshot: ClusterSnapshot, hint: String)] = [
        (Example.snapshot(nodes: []), "nodes is empty"), (Example.snapshot(nodes: ["node-2"]), "lacks node-1"),
        (Example.snapshot(namespaces: ["peerpods"]), "lacks kube-system"),
        (Example.snapshot(namespaces: ["kube-system"]), "lacks peerpods"), (Example.snapshot(namespaces: []), "lacks"),
        (Example.snapshot(pods: []), "pods is empty"), (Example.snapshot(pods: [Example.web]), "own pod"),
    ]

    @Test("lack what exists for certain", arguments: 0..<7)
    func lacking(index: Int) {
        let row = Self.doubtful[index]
        #expect(row.snapshot.doubt(seenFrom: Example.own)?.contains(row.hint) == true)
    }

    @Test("a list that has it is believed; where this controller runs need not be known")
    func complete() {
        #expect(Example.snapshot().doubt(seenFrom: Example.own) == nil)
        #expect(Example.snapshot().doubt(seenFrom: OwnPlace()) == nil)
    }
}
