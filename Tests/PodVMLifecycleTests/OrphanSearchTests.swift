import Doubles
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Orphans that an operator asks for")
struct OrphanSearchTests {
    private static let now: Int64 = 1_000_000
    private let search: OrphanSearch

    init() throws {
        search = OrphanSearch(
            owner: VMOwner(cluster: "c", node: "n1"), owned: [try SandboxID(validating: "owned")],
            graceTime: .seconds(600), now: Self.now)
    }

    private func tags(_ node: String?, _ sandbox: String, cluster: String = "c", created: Int64? = nil) -> [String:
        String]
    {
        var tags = [InstanceTags.cluster: cluster, InstanceTags.sandbox: sandbox]
        tags[InstanceTags.node] = node
        tags[InstanceTags.created] = created.map { "\($0)" }
        return tags
    }

    private func vm(
        _ name: String, _ node: String?, _ sandbox: String = "lost", cluster: String = "c", age: Int64? = 900
    ) -> ListedInstance {
        ListedInstance(
            id: InstanceID(rawValue: name), tags: tags(node, sandbox, cluster: cluster),
            created: age.map { Self.now - $0 })
    }

    @Test("are this node's VMs without an owner; a young VM stays")
    func own() {
        let found = search.orphans(
            [
                vm("old", "n1"), vm("young", "n1", age: 599), vm("owned", "n1", "owned"), vm("other", "n2"),
                vm("foreign", "n1", cluster: "d"), vm("untagged", nil), vm("bad", "n1", "../x"),
            ], [], of: .own)
        #expect(found.map(\.name) == ["old", "young"])
        #expect(found.map(\.obstacle) == [nil, "it is younger than the grace time"])
        #expect(found.allSatisfy { $0.reason.contains("no sandbox") && $0.kind == "VM" })
    }

    @Test("include what is left of VMs; the age is the cloud's, or else that of the tags, and an unknown age is young")
    func leftovers() {
        let parts = [
            Leftover(kind: .disk, id: "1", name: "d", tags: tags("n1", "lost"), created: Self.now - 900),
            Leftover(kind: .interface, id: "2", name: "i", tags: tags("n1", "lost", created: Self.now - 900)),
            Leftover(kind: .address, id: "3", name: "a", tags: tags("n1", "lost")),
            Leftover(kind: .disk, id: "4", name: "of-owned", tags: tags("n1", "owned"), created: 0),
        ]
        let found = search.orphans([], parts, of: .own)
        #expect(found.map(\.kind) == ["disk", "network interface", "public address"])
        #expect(found.map { $0.obstacle == nil } == [true, true, false])
    }

    @Test("of named nodes or of all nodes stay while a node has a young VM, which shows that the node lives")
    func otherNodes() {
        let vms = [
            vm("gone-1", "n2"), vm("gone-2", "n2", "s2"), vm("alive-old", "n3"), vm("alive-new", "n3", "s3", age: 1),
            vm("unknown", "n4", age: nil), vm("future", "n5", age: -5), vm("mine", "n1"), vm("owned", "n1", "owned"),
        ]
        let disk = Leftover(kind: .disk, id: "1", name: "disk", tags: tags("n3", "s9"), created: 0)
        let named = search.orphans(vms, [disk], of: .named(["n2", "n3"]))
        #expect(named.map(\.name) == ["gone-1", "gone-2", "alive-old", "alive-new", "disk"])
        #expect(named.filter { $0.obstacle == nil }.map(\.name) == ["gone-1", "gone-2"])
        let all = search.orphans(vms, [disk], of: .all)
        #expect(all.filter { $0.obstacle == nil }.map(\.name) == ["gone-1", "gone-2", "mine"])
        #expect(!all.contains { $0.name == "owned" })
    }

    @Test("are deleted when they are chosen and have no obstacle; an incomplete list deletes nothing")
    func collected() async throws {
        let node = Node()
        for name in ["podvm-a", "podvm-b"] {
            node.cloud.place(
                InstanceSpec(
                    name: InstanceID(rawValue: name), podName: "nginx", podNamespace: "default",
                    requirements: Requirements(), userData: "",
                    tags: [
                        InstanceTags.node: "node-1", InstanceTags.cluster: "test", InstanceTags.sandbox: name,
                        InstanceTags.created: "1",
                    ]))
        }
        try await node.run { supervisor in
            let begun = try await supervisor.collect(.own) { $0.name == "podvm-a" }
            #expect(begun.map(\.name) == ["podvm-a"])
            await node.cloud.calls.reached(.delete, 1)
            #expect(try await supervisor.collect(.own) { _ in false }.isEmpty)
            #expect(try await supervisor.machines().map(\.id.rawValue) == ["podvm-b"])
            node.cloud.listing.append(.fail(ProviderError(.unreachable, .retry(after: .zero), during: "list")))
            let error = await #expect(throws: LifecycleError.self) { try await supervisor.orphans(of: .own) }
            #expect(error?.code == .unavailable)
        }
        #expect(node.cloud.deleted == [InstanceID(rawValue: "podvm-a")])
    }
}
