import Doubles
import FakeCloud
import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@Suite("Adaptors that share a resource group", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct SharedAzureTests {
    @Test("do not change the VMs of another cluster whose node has the same name")
    func clusters() async throws {
        try await SharedAzure.run(port: 15156) { azure in
            let one = try await azure.daemon("one", cluster: "cluster-1")
            try await azure.start("0123456789abcdef", by: one)
            let two = try await azure.daemon("two", cluster: "cluster-2")
            try await azure.swept(two, times: 5)
            #expect(try await azure.resources == 3, "a VM, its interface and its disk")
            #expect(try await two.metric("peerpods_orphaned_vms_total") ?? 0 == 0)
            #expect(
                one.log.contains("\"cluster\":\"cluster-1\",\"from\":\"-cluster-id\",\"node\":\"node-1\""), "\(one.log)"
            )

            _ = try await one.call(Hypervisor.stopVM, .with { $0.id = "0123456789abcdef" })
            while try await azure.resources > 0 { try await azure.loop.sleep(for: .milliseconds(20)) }
            try await azure.end(one)
            try await azure.end(two)
        }
    }

    @Test("refuse a pod without a network namespace at CreateVM, when no flag allows it")
    func noNamespace() async throws {
        try await SharedAzure.run(port: 15161) { azure in
            let daemon = try await azure.daemon(
                "one", cluster: "cluster-1", flags: ["-allow-pods-without-network=false"])
            let error = await #expect(throws: Status.self) { try await azure.start("a", by: daemon) }
            #expect(error?.message.contains("-allow-pods-without-network") == true, "\(error as Any)")
            #expect(try await daemon.call(Sandboxes.list, Empty()).sandboxes.isEmpty)
            #expect(try await azure.resources == 0)
            try await azure.end(daemon)
        }
    }

    @Test("delete VMs that an earlier adaptor of the same node has lost, after the grace time")
    func lostRecords() async throws {
        try await SharedAzure.run(port: 15157) { azure in
            let first = try await azure.daemon("one", cluster: "cluster-1")
            try await azure.start("0123456789abcdef", by: first)
            first.process.signal(Signals.kill)
            _ = try await first.process.wait()

            // The same node with a wrong pods directory, and the usual ten minutes.
            let patient = try await azure.daemon("wrong", cluster: "cluster-1", graceTime: "10m")
            try await azure.swept(patient)
            try await azure.end(patient)
            #expect(try await azure.resources == 3)

            // Another node of the cluster, then this one.
            let other = try await azure.daemon("other", cluster: "cluster-1", node: "node-2")
            try await azure.swept(other, times: 5)
            #expect(try await azure.resources == 3)
            let same = try await azure.daemon("same", cluster: "cluster-1")
            while try await azure.resources > 0 { try await azure.loop.sleep(for: .milliseconds(20)) }
            #expect(try await other.metric("peerpods_orphaned_vms_total") ?? 0 == 0)
            #expect(try await same.metric("peerpods_orphaned_vms_total") == 1)
            try await azure.end(other)
            try await azure.end(same)
        }
    }
}
