import Doubles
import FakeCloud
import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

/// A fake Azure in this process, for daemons that share a resource group.
private struct SharedAzure: Sendable {
    let directory: String
    let loop: EpollLoop
    let port: Int
    let account: FakeAzureAccount

    /// Runs `body` beside the fake Azure; VMs listen on `port`, which no other test uses.
    static func run(port: Int, _ body: @escaping @Sendable (SharedAzure) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let options = LocalAzureOptions(in: directory.path, port: UInt16(port))
            let azure = try LocalAzure(options, on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await azure.run() }
                defer { group.cancelAll() }
                try await body(
                    SharedAzure(directory: directory.path, loop: loop, port: port, account: azure.account))
            }
        }
    }

    /// A daemon with a socket and records of its own that says READY=1.
    func daemon(
        _ name: String, cluster: String, node: String = "node-1", graceTime: String = "100ms", flags: [String] = []
    ) async throws -> RunningDaemon {
        let own = "\(directory)/\(name)"
        try Files.makeDirectories(own)
        var daemon = try RunningDaemon(
            in: own, on: loop,
            arguments: [
                "-forwarder-port", "\(port)", "-cluster-id", cluster, "-node-name", node,
                "-orphan-grace-time", graceTime,
            ] + flags,
            environment: Dictionary(uniqueKeysWithValues: account.environment.map { ($0.name, $0.value) }))
        try #require(try await daemon.notification() == "READY=1")
        try await daemon.readLog(until: "\"probes\"")
        return daemon
    }

    /// How many VMs, interfaces and disks there are.
    var resources: Int {
        get async throws {
            let place = FakeAzureState.Place(
                endpoint: account.managementEndpoint, secret: account.clientSecret.reveal())
            return try await FakeAzureState(of: place, on: loop).resources.count
        }
    }

    /// Returns once the daemon has compared the cloud with its records that often.
    func swept(_ daemon: RunningDaemon, times: Double = 1) async throws {
        while try await daemon.metric("peerpods_sweeps_total") ?? 0 < times {
            try await loop.sleep(for: .milliseconds(20))
        }
    }

    func start(_ id: String, by daemon: RunningDaemon) async throws {
        _ = try await daemon.call(
            Hypervisor.createVM,
            .with {
                $0.id = id
                $0.annotations = [
                    "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
                ]
            })
        _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = id })
    }

    func end(_ daemon: RunningDaemon) async throws {
        daemon.process.signal(Signals.terminate)
        #expect(try await daemon.process.wait() == .exited(0))
    }
}

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
