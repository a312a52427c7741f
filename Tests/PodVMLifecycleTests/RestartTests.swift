import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Restart")
struct RestartTests {
    /// What a shim does, in one life of the process after the other.
    enum Story: String, CaseIterable, Sendable {
        case wholeLife
        case failedCreation
        case lostAnswer
        case deadAgent
        case neverStarted

        func script(_ node: Node) {
            switch self {
            case .wholeLife, .neverStarted: break
            case .failedCreation: node.cloud.creation.append(.fail(.quota))
            case .lostAnswer: node.cloud.creation.append(.workAndFail(.unreachable))
            case .deadAgent: node.connector.connection.append(.fail(ConnectorError(.refused, "no agent")))
            }
        }

        func tell(_ node: Node, until lifetime: ProcessLifetime) async throws {
            let supervisor = node.supervisor
            let id = try request("a").id
            guard await failure({ _ = try await supervisor.create(request("a")) }) == nil else { return }
            if self != .neverStarted { _ = await failure { try await supervisor.start(id) } }
            _ = await failure { try await supervisor.stop("a") }
            await node.settled(or: lifetime)
        }
    }

    /// What ends the process, and how much of its last write is left.
    struct Death: CaseIterable, Sendable {
        let end: ProcessLifetime.End
        let isPowerCut: Bool

        static let allCases = ProcessLifetime.End.allCases.flatMap { end in
            [false, true].map { Death(end: end, isPowerCut: $0) }
        }
    }

    @Test(
        "leaves no VM without an owner, at whatever step the process is killed or the power is cut",
        arguments: Story.allCases, Death.allCases)
    func crash(story: Story, death: Death) async throws {
        let whole = ProcessLifetime()
        try await live(story, Node(lifetime: whole), whole)
        #expect(whole.steps >= 4)
        for last in 1...whole.steps {
            let lifetime = ProcessLifetime(last: last, death.end)
            let first = Node(lifetime: lifetime)
            try await live(story, first, lifetime)
            #expect(lifetime.isOver)

            let disk = death.isPowerCut ? first.store.afterPowerCut() : first.store
            let second = Node(store: disk, cloud: first.cloud)
            try await second.run { supervisor in
                await second.settled()
                let owned = Set(
                    supervisor.sandboxes().filter { $0.state == .running }.map(\.vm))
                #expect(second.cloud.machines == owned, "killed at step \(last)")
                #expect(second.states.allSatisfy { ["prepared", "running"].contains($0) }, "killed at step \(last)")
                // The shim, or kubelet, comes back to it.
                try await supervisor.stop("a")
                await second.settled()
                second.expectNothingLeft()
            }
        }
    }

    private func live(_ story: Story, _ node: Node, _ lifetime: ProcessLifetime) async throws {
        story.script(node)
        try await node.run { _ in try await story.tell(node, until: lifetime) }
    }

    @Test("listens again on the agent sockets of running VMs only")
    func sockets() async throws {
        let node = Node()
        try await node.run { supervisor in
            for id in ["running", "prepared"] { _ = try await supervisor.create(request(id, pod: id)) }
            try await supervisor.start(request("running").id)
        }
        let next = Node(store: node.store, cloud: node.cloud)
        let running = try request("running").id
        try await next.run { _ in #expect(next.connector.connected == [running]) }
    }

    @Test("stops the sandboxes whose StopVM a gateway has answered", arguments: [true, false])
    func stopMarks(isRunning: Bool) async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            if isRunning { try await supervisor.start(request("a").id) }
        }
        node.store.mark(try request("a").id)
        let next = Node(store: node.store, cloud: node.cloud)
        try await next.run { _ in
            await next.settled()
            next.expectNothingLeft()
        }
    }

    @Test("keeps a running VM, its name and its address")
    func running() async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
        }
        let next = Node(store: node.store, cloud: node.cloud)
        try await next.run { supervisor in
            #expect(supervisor.sandboxes() == node.supervisor.sandboxes())
            #expect(try next.connector.kept == [request("a").id])
            try await supervisor.start(request("a").id)
            #expect(next.cloud.calls[.create] == 1, "it runs already")
            let vm = try #require(supervisor.sandboxes().first).vm
            #expect(
                try await supervisor.instanceID(pod: "nginx", namespace: "default", wait: true) == vm.rawValue)
            try await supervisor.stop("a")
            await next.settled()
            next.expectNothingLeft()
        }
    }

    @Test("can start a sandbox that was prepared before")
    func prepared() async throws {
        let node = Node()
        try await node.run { _ = try await $0.create(request("a")) }
        let next = Node(store: node.store, cloud: node.cloud)
        try await next.run { try await $0.start(request("a").id) }
        #expect(next.states == ["running"])
    }

    @Test("writes a record of an older version again, with this adaptor's names and the provider's scope")
    func older() async throws {
        let scope = CloudScope(subscription: "s-1", resourceGroup: "pods")
        let node = Node(cloud: ScriptedCloud(scope: scope))
        let id = try request("a").id
        let text = """
            {"version": 1, "sandbox": "a", "pod": "nginx", "namespace": "default", "networkNamespace": "",
             "created": 1767225600, "vm": "podvm-nginx-1", "state": "running", "addresses": ["10.0.0.4"]}
            """
        node.store.put(Array(text.utf8), for: id)
        // A full disk leaves the old record.
        node.store.fail(with: .full)
        try await node.run { _ in #expect(node.states == ["running"]) }
        #expect(node.store.bytes(of: id) == Array(text.utf8))
        node.store.fail(with: nil)
        let next = Node(store: node.store, cloud: node.cloud)
        try await next.run { _ in #expect(next.states == ["running"]) }
        let record = try SandboxRecord(parsing: try #require(node.store.bytes(of: id)))
        #expect(!record.isOutdated && record.scope == scope)
        #expect(record.owner == VMOwner(cluster: "test", node: "node-1"))
    }

    @Test("keeps a sandbox of another scope, and deletes its VM only when that scope is configured again")
    func otherScope() async throws {
        let node = Node(cloud: ScriptedCloud(scope: CloudScope(subscription: "s-1", resourceGroup: "old")))
        let id = try request("a").id
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(id)
        }
        let elsewhere = Node(
            store: node.store, cloud: ScriptedCloud(scope: CloudScope(subscription: "s-1", resourceGroup: "new")))
        try await elsewhere.run { supervisor in
            #expect(elsewhere.states == ["running"])
            #expect(supervisor.sandboxes().first?.failure?.contains("resource group old") == true)
            try await supervisor.stop("a")
            #expect(elsewhere.states == ["deleting"])
            #expect(elsewhere.cloud.calls[.delete] == 0)
        }
        let next = Node(store: node.store, cloud: node.cloud)
        try await next.run { _ in
            await next.settled()
            next.expectNothingLeft()
        }
    }
}

extension Node {
    /// Returns once nothing that has begun to end is left, or the process is dead.
    func settled(or lifetime: ProcessLifetime) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await settled() }
            group.addTask { await lifetime.ended() }
            await group.next()
            group.cancelAll()
        }
    }
}
