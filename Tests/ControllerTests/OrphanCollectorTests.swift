import Controller
import Doubles
import JSON
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@Suite("Collecting orphans")
struct OrphanCollectorTests {
    private struct Fixture: Sendable {
        let cloud = ScriptedControllerCloud()
        let cluster = ScriptedControllerCluster()
        let clock = ManualClock()
        let metrics = Metrics()
        let mayAct = Lock(true)
        let loop: EpollLoop
        let collector: OrphanCollector

        init(on loop: EpollLoop) {
            self.loop = loop
            collector = OrphanCollector(
                cloud: cloud, cluster: cluster, rules: Example.rules, seenFrom: Example.own, clock: clock,
                metrics: metrics)
        }

        /// Lets the collector sweep `times` times, five minutes apart.
        func sweep(_ times: Int = 1, after done: inout Int) async {
            for _ in 0..<times {
                await clock.slept(done)
                clock.advance(by: .seconds(300))
                done += 1
            }
            await clock.slept(done)
        }

        func metric(_ line: String) -> Bool { metrics.render().contains(line + "\n") }
    }

    /// Runs `body` beside a collector that has swept once.
    private func run(
        _ prepare: @escaping @Sendable (Fixture) -> Void,
        _ body: @escaping @Sendable (Fixture, inout Int) async throws -> Void
    ) async throws {
        try await onLoop(within: .seconds(60)) { loop in
            let fixture = Fixture(on: loop)
            prepare(fixture)
            try await alongside({ await fixture.collector.run { fixture.mayAct.withLock { $0 } } }) {
                var sweeps = 1
                await fixture.clock.slept(sweeps)
                try await body(fixture, &sweeps)
            }
        }
    }

    private static let lost = Example.vm(tags: Example.tags(node: "node-9"))

    @Test(
        "the VM and the disk of a node that is gone are deleted after two sightings and ten minutes, and reported before"
    )
    func nodeGone() async throws {
        try await run { fixture in
            fixture.cloud.state.withLock {
                $0.vms = [Self.lost, Example.vm("podvm-live-01234567")]
                $0.leftovers = [Example.disk(tags: Example.tags(node: "node-9"))]
            }
        } _: { fixture, sweeps in
            let report = fixture.collector.report.json
            #expect(report["orphans"]?.arrayValue?.count == 2)
            let first = report["orphans"]?.arrayValue?.first { $0["kind"] == "VM" }
            #expect(first?["reason"] == "node-gone" && first?["size"] == "Standard_DC2es_v6")
            #expect(first?["ageSeconds"] == 600 && first?["remainingGraceSeconds"] == 600)
            #expect(fixture.metric(#"peerpods_orphans{reason="node-gone",kind="VM"} 1"#))
            await fixture.sweep(after: &sweeps)
            #expect(fixture.cloud.deleted.isEmpty)
            #expect(fixture.metric("peerpods_orphan_oldest_seconds 300"))
            await fixture.sweep(after: &sweeps)
            try await eventually(on: fixture.loop, "both deletions") { fixture.cloud.deleted.count == 2 }
            #expect(Set(fixture.cloud.deleted) == ["podvm-web-01234567", "podvm-web-01234567-disk"])
            await fixture.sweep(after: &sweeps)
            #expect(fixture.metric(#"peerpods_controller_deletions_total{reason="node-gone",outcome="deleted"} 2"#))
            #expect(fixture.metric(#"peerpods_orphans{reason="node-gone",kind="VM"} 0"#))
            #expect(fixture.cloud.state.withLock { $0.vms.map(\.id.rawValue) } == ["podvm-live-01234567"])
        }
    }

    @Test("a PeerPod's finalizer goes only after the cloud has said that the VM does not exist")
    func peerPod() async throws {
        try await run { fixture in
            fixture.cloud.state.withLock {
                $0.vms = [Example.vm(tags: [:])]
                $0.deletion = .unreachable
            }
            fixture.cluster.state.withLock {
                $0.snapshot = Example.snapshot(pods: [Example.controller], peerPods: [Example.peerPod()])
            }
        } _: { fixture, sweeps in
            await fixture.sweep(2, after: &sweeps)
            try await eventually(on: fixture.loop, "the failure") {
                fixture.collector.report.json["orphans"]?.arrayValue?.first?["lastFailure"]?.stringValue != nil
            }
            #expect(fixture.cluster.released.isEmpty)
            fixture.cloud.state.withLock { $0.deletion = nil }
            await fixture.sweep(after: &sweeps)
            try await eventually(on: fixture.loop, "the release") { fixture.cluster.released == ["web-resource-abcde"] }
            #expect(fixture.cloud.deleted == ["podvm-web-01234567"])
        }
    }

    @Test("a PeerPod whose VM is gone already is only released; one of another resource group stays")
    func withoutVM() async throws {
        let foreign = PeerPodEntry(
            namespace: "default", name: "foreign", uid: "peerpod-2", owner: .init(name: "x", uid: "pod-9"),
            instancePath: "/subscriptions/other/podvm-x-01234567")
        try await run { fixture in
            fixture.cluster.state.withLock {
                $0.snapshot = Example.snapshot(pods: [Example.controller], peerPods: [Example.peerPod(), foreign])
            }
        } _: { fixture, sweeps in
            await fixture.sweep(2, after: &sweeps)
            try await eventually(on: fixture.loop, "the release") { fixture.cluster.released == ["web-resource-abcde"] }
            await fixture.sweep(2, after: &sweeps)
            #expect(fixture.cluster.released == ["web-resource-abcde"])
            #expect(fixture.cloud.deleted.isEmpty)
        }
    }

    @Test("a list that fails, or that cannot be complete, is no sighting and has no effect")
    func badLists() async throws {
        let bad: [@Sendable (Fixture) -> Void] = [
            { $0.cloud.state.withLock { $0.listing = .unreachable } },
            { $0.cluster.state.withLock { $0.failure = ClusterFailure("HTTP 500") } },
            { $0.cluster.state.withLock { $0.snapshot.nodes = [] } },
            { $0.cluster.state.withLock { $0.snapshot.pods = [] } },
            { $0.cluster.state.withLock { $0.snapshot.namespaces = ["default"] } },
        ]
        for spoil in bad {
            try await run { fixture in
                // The lists that fail would make an orphan of each of these.
                fixture.cloud.state.withLock { $0.vms = [Example.vm(), Self.lost] }
                spoil(fixture)
            } _: { fixture, sweeps in
                await fixture.sweep(4, after: &sweeps)
                #expect(fixture.cloud.deleted.isEmpty)
                #expect(fixture.collector.report.json["orphans"]?.arrayValue?.isEmpty == true)
                #expect(fixture.collector.report.json["lastFailure"]?.stringValue != nil)
                #expect(fixture.metric(#"peerpods_controller_sweeps_total{outcome="failed"} 5"#))
            }
        }
    }

    @Test("a failed list between two sightings neither counts nor begins the time again")
    func failureBetween() async throws {
        try await run { fixture in
            fixture.cloud.state.withLock { $0.vms = [Self.lost] }
        } _: { fixture, sweeps in
            fixture.cloud.state.withLock { $0.listing = .unreachable }
            await fixture.sweep(3, after: &sweeps)
            #expect(fixture.cloud.deleted.isEmpty)
            fixture.cloud.state.withLock { $0.listing = nil }
            await fixture.sweep(after: &sweeps)
            try await eventually(on: fixture.loop, "the deletion") { fixture.cloud.deleted.count == 1 }
        }
    }

    @Test("a node that exists again when it is asked for by its name keeps its VM")
    func reappeared() async throws {
        try await run { fixture in
            fixture.cloud.state.withLock { $0.vms = [Self.lost] }
            fixture.cluster.state.withLock { $0.reappeared = [.node("node-9")] }
        } _: { fixture, sweeps in
            await fixture.sweep(2, after: &sweeps)
            try await eventually(on: fixture.loop, "the refusal") {
                fixture.metric(#"peerpods_controller_deletions_total{reason="node-gone",outcome="failed"} 1"#)
            }
            #expect(fixture.cloud.deleted.isEmpty)
        }
    }

    @Test("a replica that may not act any longer deletes nothing, not even what it has found to be due")
    func lostLeadership() async throws {
        try await run { fixture in
            fixture.cloud.state.withLock { $0.vms = [Self.lost] }
        } _: { fixture, sweeps in
            fixture.mayAct.withLock { $0 = false }
            await fixture.sweep(4, after: &sweeps)
            #expect(fixture.cloud.deleted.isEmpty)
        }
    }

    @Test("the end of the leadership ends deletions, and forgets what was seen")
    func end() async throws {
        try await onLoop(within: .seconds(60)) { loop in
            let fixture = Fixture(on: loop)
            fixture.cloud.state.withLock {
                $0.vms = [Self.lost]
                $0.hangs = true
            }
            try await alongside({ await fixture.collector.run { true } }) {
                var sweeps = 1
                await fixture.clock.slept(sweeps)
                await fixture.sweep(2, after: &sweeps)
                #expect(fixture.collector.report.json["orphans"]?.arrayValue?.first?["state"] == "being deleted")
            }
            // `alongside` has waited for the collector's end.
            #expect(fixture.collector.report.json["orphans"]?.arrayValue?.isEmpty == true)
            #expect(fixture.metric(#"peerpods_orphans{reason="node-gone",kind="VM"} 0"#))
        }
    }
}
