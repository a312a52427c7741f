import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import PodVMLifecycle

@Suite("Sweep")
struct SweepTests {
    @Test("deletes a VM of this node that no sandbox has owned for the grace time, and counts it")
    func orphan() async throws {
        let log = LineRecorder()
        let node = Node(logger: log.logger)
        node.cloud.place(spec("podvm-lost-1", node: "node-1", sandbox: "lost"))
        try await node.run { supervisor in
            await supervisor.sweepOnce()
            #expect(log.lines.contains { $0.contains("-pods-dir") && $0.contains("podvm-lost-1") })
            node.clock.advance(by: .seconds(599))
            await supervisor.sweepOnce()
            #expect(node.cloud.calls[.delete] == 0)
            node.clock.advance(by: .seconds(1))
            await supervisor.sweepOnce()
            await node.cloud.calls.reached(.delete, 1)
        }
        #expect(node.cloud.deleted == [InstanceID(rawValue: "podvm-lost-1")])
        #expect(node.metrics.render().contains("peerpods_orphaned_vms_total 1"))
    }

    @Test("does not treat a VM as an orphan when StopVM deletes it while the cloud makes its list")
    func deletedMeanwhile() async throws {
        let log = LineRecorder()
        let node = Node(logger: log.logger)
        let list = Event()
        node.cloud.listing.append(.wait(list))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(try request("a").id)
            let specs = node.cloud.created
            async let sweep = supervisor.sweepOnce()
            await node.cloud.calls.reached(.list, 1)
            try await supervisor.stop("a")
            await node.settled()
            // As ARM does, which lists what is deleted for a while.
            for spec in specs { node.cloud.place(spec) }
            list.set()
            _ = await sweep
        }
        #expect(!log.lines.contains { $0.contains("no sandbox on record") }, "\(log.lines)")
    }

    @Test("lists VMs more often than at the interval when the grace time is shorter")
    func pace() async throws {
        for (grace, pause) in [(Duration.seconds(600), Duration.seconds(300)), (.seconds(20), .seconds(20))] {
            let node = Node(orphanGraceTime: grace)
            try await node.run { supervisor in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await supervisor.sweep(every: .seconds(300)) }
                    await node.clock.slept(1)
                    group.cancelAll()
                }
            }
            #expect(node.clock.naps == [pause])
        }
    }

    @Test("does not delete VMs that belong to another node or cluster, to no owner, or to a sandbox")
    func others() async throws {
        let node = Node()
        node.cloud.place(spec("podvm-a", node: "node-2", sandbox: "x"))
        node.cloud.place(spec("podvm-b", node: "node-1", sandbox: "x", cluster: "production"))
        node.cloud.place(spec("podvm-c", node: "node-1", sandbox: "../x"))
        var stranger = spec("podvm-d", node: "node-1", sandbox: "x")
        stranger.tags = ["team": "blue"]
        node.cloud.place(stranger)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("owned"))
            try await supervisor.start(try request("owned").id)
            let before = node.cloud.machines
            await supervisor.sweepOnce()
            node.clock.advance(by: .seconds(3600))
            await supervisor.sweepOnce()
            #expect(node.cloud.machines == before)
            #expect(before.count == 5)
        }
        #expect(node.cloud.deleted.isEmpty)
    }

    @Test(
        "deletes nothing while the cluster or the node has no name, whatever the tags of the VMs",
        arguments: [("node-1", ""), ("", "test"), ("", "")])
    func nameless(node name: String, cluster: String) async throws {
        let node = Node(name: name, cluster: cluster)
        for (number, tags) in [(name, cluster), ("node-1", ""), ("", "test"), ("", "")].enumerated() {
            node.cloud.place(spec("podvm-\(number)", node: tags.0, sandbox: "lost", cluster: tags.1))
        }
        let before = node.cloud.machines
        try await node.run { supervisor in
            await supervisor.sweepOnce()
            node.clock.advance(by: .seconds(86_400))
            await supervisor.sweepOnce()
            // The background has taken up whatever the sweeps began.
            _ = try await supervisor.create(request("a"))
            try await supervisor.stop("a")
            await node.settled()
        }
        #expect(node.cloud.machines == before)
    }

    @Test("does not delete a VM whose sandbox has no record as long as its agent connection is in use")
    func recordless() async throws {
        let node = Node()
        node.cloud.place(spec("podvm-lost-1", node: "node-1", sandbox: "lost"))
        try await node.run { supervisor in
            for _ in 0..<3 {
                node.connector.setLastUse(node.clock.now)
                await supervisor.sweepOnce()
                #expect(node.states == ["unreadable"])
                #expect(supervisor.sandboxes().first?.failure?.contains("has no record") == true)
                node.clock.advance(by: .seconds(599))
            }
            node.clock.advance(by: .seconds(1))
            await supervisor.sweepOnce()
            #expect(node.states.isEmpty)
            #expect(node.cloud.calls[.delete] == 0)
            node.clock.advance(by: .seconds(600))
            await supervisor.sweepOnce()
            await node.cloud.calls.reached(.delete)
        }
    }

    @Test("leaves a VM alone whose tags change before its deletion")
    func foreign() async throws {
        let node = Node()
        node.cloud.place(spec("podvm-lost-1", node: "node-1", sandbox: "lost"))
        node.cloud.deletion.append(.fail(.foreign))
        try await node.run { supervisor in
            await supervisor.sweepOnce()
            node.clock.advance(by: .seconds(600))
            await supervisor.sweepOnce()
            await node.cloud.calls.reached(.delete)
        }
        #expect(node.cloud.calls[.delete] == 1)
        #expect(node.cloud.machines.count == 1)
    }

    @Test("runs only one deletion of an orphan at a time, however often the VM is listed")
    func once() async throws {
        let node = Node()
        node.cloud.place(spec("podvm-lost-1", node: "node-1", sandbox: "lost"))
        node.cloud.deletion.append(.fail(.unreachable))
        try await node.run { supervisor in
            await supervisor.sweepOnce()
            node.clock.advance(by: .seconds(600))
            await supervisor.sweepOnce()
            await node.clock.slept(1)
            await supervisor.sweepOnce()
            #expect(node.cloud.deleted.isEmpty)
            node.clock.advance(by: .seconds(120))
            await node.cloud.calls.reached(.delete, 2)
        }
        #expect(node.cloud.deleted.count == 1)
    }

    private func spec(_ name: String, node: String, sandbox: String, cluster: String = "test") -> InstanceSpec {
        InstanceSpec(
            name: InstanceID(rawValue: name), podName: "nginx", podNamespace: "default", requirements: Requirements(),
            userData: "",
            tags: [
                InstanceTags.node: node, InstanceTags.cluster: cluster, InstanceTags.sandbox: sandbox,
            ])
    }
}
