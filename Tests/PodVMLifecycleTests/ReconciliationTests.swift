import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import PodVMLifecycle

@Suite("A running sandbox whose VM is gone")
struct VanishedVMTests {
    let id: SandboxID

    init() throws { id = try request("a").id }

    /// A node with one running sandbox.
    private func run(_ node: Node, _ body: @escaping @Sendable (SandboxSupervisor) async throws -> Void) async throws {
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(id)
            try await body(supervisor)
        }
    }

    private func removeVM(_ node: Node) async throws {
        try await node.cloud.deleteInstance(VMName.make(pod: "nginx", sandbox: id), of: id)
    }

    @Test("fails with the reason when two lists do not have the VM; its connections are closed; StopVM removes it")
    func fails() async throws {
        let node = Node()
        try await run(node) { supervisor in
            try await removeVM(node)
            #expect(await supervisor.sweepOnce(), "a second list has to confirm it")
            #expect(node.states == ["running"])
            node.clock.advance(by: .seconds(10))
            await supervisor.sweepOnce()
            #expect(node.states == ["failed"])
            #expect(supervisor.sandboxes().first?.failure?.contains("no longer exists") == true)
            #expect(node.connector.connected.isEmpty)
            #expect(await failure { try await supervisor.start(id) }?.message.contains("no longer exists") == true)
            let next = Node(store: node.store, cloud: node.cloud)
            try await next.run { _ in #expect(next.states == ["failed"]) }
            try await supervisor.stop("a")
            await node.settled()
            node.expectNothingLeft()
        }
        #expect(node.metrics.render().contains("peerpods_vanished_vms_total 1"))
    }

    @Test("does not fail after failed lists, nor when the VM was missing only once")
    func lists() async throws {
        let node = Node()
        try await run(node) { supervisor in
            let spec = try #require(node.cloud.created.first)
            for _ in 0..<3 {
                try await removeVM(node)
                await supervisor.sweepOnce()
                for _ in 0..<2 {
                    node.cloud.listing.append(.fail(.unreachable))
                    await supervisor.sweepOnce()
                }
                node.cloud.place(spec)
                await supervisor.sweepOnce()
            }
            #expect(node.states == ["running"])
        }
    }

    @Test("does not fail as long as a client is connected to its agent: its VM may have lost its tags")
    func inUse() async throws {
        let node = Node()
        try await run(node) { supervisor in
            try await removeVM(node)
            for _ in 0..<3 {
                node.connector.setLastUse(node.clock.now)
                await supervisor.sweepOnce()
                node.clock.advance(by: .seconds(300))
            }
            #expect(node.states == ["running"])
        }
    }

    @Test("fails when its client's broken connection has ended only after the first list without its VM")
    func lateEnd() {
        let instance = Instance(id: InstanceID(rawValue: "podvm-a"), addresses: [])
        let start = ContinuousClock.now
        var watch = AbsenceWatch()
        let gone = [(0, 0), (300, 200), (600, 200)].map { now, use in
            watch.look(at: [], running: [id: instance], now: start + .seconds(now)) { _ in start + .seconds(use) }.gone
        }
        #expect(gone == [[], [], [id]])
    }

    @Test("fails when another VM has its name")
    func otherVM() {
        let instance = Instance(id: InstanceID(rawValue: "podvm-A"), addresses: [], vmID: "1")
        func gone(_ listed: ListedInstance) -> [SandboxID] {
            var watch = AbsenceWatch()
            for _ in 0..<2 {
                let findings = watch.look(at: [listed], running: [id: instance], now: .now) { _ in nil }
                if !findings.gone.isEmpty { return findings.gone }
            }
            return []
        }
        let name = InstanceID(rawValue: "podvm-a")
        #expect(gone(ListedInstance(id: name, tags: [:], vmID: "2")) == [id])
        #expect(gone(ListedInstance(id: name, tags: [:], vmID: "1")).isEmpty)
        #expect(gone(ListedInstance(id: name, tags: [:])).isEmpty)
    }

    @Test("is listed again soon, to confirm that the VM is gone")
    func pace() async throws {
        let node = Node()
        try await run(node) { supervisor in
            try await removeVM(node)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await supervisor.sweep(every: .seconds(300)) }
                await node.clock.slept(2)
                node.clock.advance(by: .seconds(10))
                await node.clock.slept(3)
                group.cancelAll()
            }
        }
        #expect(node.clock.naps.suffix(2) == [.seconds(10), .seconds(300)])
        #expect(node.states == ["failed"])
    }
}

@Suite("Deletions")
struct DeletionTests {
    @Test("are limited in number; one that fails gives up its place")
    func bounded() async throws {
        let node = Node(deletionsAtOnce: 2)
        let (first, second) = (Event(), Event())
        for line in [Script<ProviderError>.Line.wait(first), .wait(second)] { node.cloud.deletion.append(line) }
        node.cloud.deletion.append(.fail(.unreachable))
        try await node.run { supervisor in
            for number in 0..<4 {
                _ = try await supervisor.create(request("s\(number)", pod: "pod-\(number)"))
                try await supervisor.start(request("s\(number)").id)
            }
            for number in 0..<4 { try await supervisor.stop("s\(number)") }
            await node.cloud.calls.reached(.delete, 2)
            #expect(supervisor.deletions.waiting == 2)
            #expect(node.cloud.calls[.delete] == 2)
            first.set()
            // The third fails, and the fourth takes its place.
            await node.cloud.calls.reached(.delete, 4)
            second.set()
            while node.states.count > 1 { await Task.yield() }
            #expect(node.states == ["deleting"])
            // Four starts have slept, and then the deletion that failed.
            await node.clock.slept(5)
            node.clock.advance(by: .seconds(60))
            while !node.states.isEmpty { await Task.yield() }
            node.expectNothingLeft()
        }
    }

    @Test("tell the age of the oldest in a metric and in the log")
    func oldest() async throws {
        let log = LineRecorder()
        let node = Node(logger: log.logger)
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await node.run { supervisor in
            #expect(node.metrics.render().contains("peerpods_oldest_deletion_seconds 0\n"))
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
            try await supervisor.stop("a")
            node.clock.advance(by: .seconds(700))
            #expect(node.metrics.render().contains("peerpods_oldest_deletion_seconds 700\n"))
            await supervisor.sweepOnce()
            cloudIsBack.set()
            await node.settled()
            #expect(node.metrics.render().contains("peerpods_oldest_deletion_seconds 0\n"))
        }
        #expect(log.lines.contains { $0.contains("still being deleted") && $0.contains("\"seconds\":700") })
    }
}

@Suite("Resources without a VM")
struct LeftoverTests {
    private func leftover(_ id: String, node: String = "node-1", sandbox: String = "lost") -> Leftover {
        Leftover(
            kind: .interface, id: id, name: "nic-\(id)",
            tags: [InstanceTags.cluster: "test", InstanceTags.node: node, InstanceTags.sandbox: sandbox])
    }

    @Test("are deleted when no sandbox has owned them for the grace time, and only with this node's tags")
    func deleted() async throws {
        let node = Node()
        let others = [leftover("other", node: "node-2"), leftover("owned", sandbox: "a")]
        node.cloud.remains.withLock { $0 = [leftover("1")] + others }
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            await supervisor.sweepOnce()
            node.clock.advance(by: .seconds(599))
            await supervisor.sweepOnce()
            #expect(node.cloud.calls[.deleteLeftover] == 0)
            node.clock.advance(by: .seconds(1))
            await supervisor.sweepOnce()
            await node.cloud.calls.reached(.deleteLeftover)
        }
        #expect(node.cloud.remains.withLock { $0 } == others)
        #expect(node.metrics.render().contains("peerpods_leftovers_total{kind=\"network interface\"} 1"))
    }
}
