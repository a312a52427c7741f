import Doubles
import FakeCloud
import KataProtocol
import LinuxIO
import TTRPC
import Telemetry
import TestSupport
import Testing

/// A fake Azure in this process, for daemons that share a resource group.
struct SharedAzure: Sendable {
    let directory: String
    let loop: EpollLoop
    let port: Int
    let account: FakeAzureAccount

    /// Runs `body` beside the fake Azure; VMs listen on `port`, which no other test uses.
    static func run(
        port: Int, within limit: Duration = .seconds(300),
        _ body: @escaping @Sendable (SharedAzure) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop(within: limit) { loop in
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
        _ name: String, cluster: String, node: String = "node-1", graceTime: String = "100ms", flags: [String] = [],
        manager: String = "manager"
    ) async throws -> RunningDaemon {
        var daemon = try launch(
            name, cluster: cluster, node: node, graceTime: graceTime, flags: flags, manager: manager)
        try #require(try await daemon.notification() == "READY=1")
        try await daemon.readLog(until: "\"probes\"")
        return daemon
    }

    /// A daemon that may end before it is ready.
    func launch(
        _ name: String, cluster: String, node: String = "node-1", graceTime: String = "100ms", flags: [String] = [],
        environment: [String: String] = [:], manager: String = "manager"
    ) throws -> RunningDaemon {
        let own = "\(directory)/\(name)"
        try Files.makeDirectories(own)
        return try RunningDaemon(
            in: own, on: loop, manager: manager,
            arguments: [
                "-forwarder-port", "\(port)", "-cluster-id", cluster, "-node-name", node,
                "-orphan-grace-time", graceTime,
            ] + flags,
            environment: Dictionary(uniqueKeysWithValues: account.environment.map { ($0.name, $0.value) })
                .merging(environment) { $1 })
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
