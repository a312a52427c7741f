import Doubles
import FakeCloud
import KataProtocol
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

/// What happens between kata's shim and Azure's Resource Manager, all of it real but Azure and the machines.
@Suite("A pod in the fake Azure", .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"))
struct AzureStoryTests {
    private static let pod = CreateVMRequest.with {
        $0.id = "0123456789abcdef"
        $0.annotations = [
            "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
        ]
    }

    @Test("StartVM answers once the guest is up, long before Azure's operation ends; StopVM leaves nothing")
    func startsEarly() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, boots: true,
                arguments: [
                    "-fake-accept-delay", "20ms", "-fake-address-delay", "40ms", "-fake-boot-delay", "200ms",
                    "-fake-operation-delay", "10m", "-forwarder-port", "15153",
                ])
            let azure = try await daemon.fakeAzure()
            _ = try await daemon.call(Hypervisor.createVM, Self.pod)
            _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
            let running = try await FakeAzureState(of: azure, on: loop)
            #expect(running.resources.contains("Microsoft.Compute/virtualMachines Creating"), "\(running.resources)")
            #expect(running.resources.count == 3, "machine, interface and disk: \(running.resources)")

            _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
            while case let state = try await FakeAzureState(of: azure, on: loop), !state.resources.isEmpty {
                try await loop.sleep(for: .milliseconds(20))
            }
            #expect(try Files.list(directory.path + "/cloud/machines").isEmpty)
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
        }
    }

    @Test("a new adaptor finds the VMs of a killed one, and StopVM deletes them")
    func restart() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let flags = ["-forwarder-port", "15154"]
            let first = try RunningDaemon(in: directory.path, on: loop, boots: true, arguments: flags)
            _ = try await first.notification()
            _ = try await first.call(Hypervisor.createVM, Self.pod)
            _ = try await first.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
            first.process.signal(Signals.kill)
            _ = try await first.process.wait()

            var second = try RunningDaemon(
                in: directory.path, on: loop, manager: "second", boots: true, arguments: flags)
            let azure = try await second.fakeAzure()
            #expect(try await FakeAzureState(of: azure, on: loop).resources.count == 3)
            _ = try await second.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
            while case let state = try await FakeAzureState(of: azure, on: loop), !state.resources.isEmpty {
                try await loop.sleep(for: .milliseconds(20))
            }
            #expect(try Files.list(directory.path + "/cloud/machines").isEmpty)
            second.process.signal(Signals.terminate)
            #expect(try await second.process.wait() == .exited(0))
        }
    }

    @Test(
        "a sandbox whose shim has exited without StopVM is stopped, whether it was started or not",
        arguments: [(isStarted: true, port: 15158), (isStarted: false, port: 15159)])
    func abandoned(isStarted: Bool, port: Int) async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, boots: true,
                arguments: ["-forwarder-port", "\(port)", "-abandoned-sandbox-timeout", "200ms"])
            _ = try await daemon.notification()
            var pod = Self.pod
            pod.networkNamespacePath = directory.path + "/netns"
            try Files.link("/proc/self/ns/net", at: pod.networkNamespacePath)
            let socket = try await daemon.call(Hypervisor.createVM, pod).agentSocketPath
            if isStarted {
                _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = pod.id })
                let shim = try await LinuxIO.Stream.connect(to: .unix(path: socket), on: loop)
                try Files.removeTree(pod.networkNamespacePath)
                let health = try await Client.with(shim, on: loop) { client in
                    try await client.call(Health.check, HealthCheckRequest(), timeout: .seconds(5)).status
                }
                #expect(health == HealthCheckResponse.serving)
                shim.close()
            } else {
                try Files.removeTree(pod.networkNamespacePath)
            }
            while try await !daemon.call(Sandboxes.list, Empty()).sandboxes.isEmpty {
                try await loop.sleep(for: .milliseconds(20))
            }
            #expect(try Files.list(directory.path + "/cloud/machines").isEmpty)
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
            try await daemon.readLog()
            #expect(daemon.log.contains("The sandbox is abandoned"))
        }
    }

    @Test("a stopping adaptor closes the agent connections first, and serves StopVM for some time after that")
    func stopping() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let daemon = try RunningDaemon(
                in: directory.path, on: loop, boots: true, arguments: ["-forwarder-port", "15160"])
            _ = try await daemon.notification()
            let socket = try await daemon.call(Hypervisor.createVM, Self.pod).agentSocketPath
            _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
            let shim = try await LinuxIO.Stream.connect(to: .unix(path: socket), on: loop)
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.notification() == "STOPPING=1")
            #expect(try await shim.read(upTo: 1).isEmpty)
            // What kata's shim does then.
            _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
            #expect(try await daemon.process.wait() == .exited(0))
            // Either it is gone, or the next process will delete it.
            let record = directory.path + "/pods/\(Self.pod.id)/record.json"
            if let bytes = try? DurableFile.read(record, limit: 1 << 16) {
                #expect(!String(decoding: bytes, as: UTF8.self).contains("running"))
            }
        }
    }

    @Test("the adaptor starts while Azure is unreachable, and starts pods once Azure is back")
    func awayAtStart() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var options = LocalAzureOptions(in: directory.path, port: 15155)
            // No process listens there yet, and the port was free shortly before.
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            options.listen = listener.address
            listener.close()
            // The adaptor has been told the one, and the second fake has to accept it.
            options.clientSecret = Secret("kept-while-azure-is-away")
            let account = try LocalAzure(options, on: loop).account
            let place = FakeAzureState.Place(
                endpoint: account.managementEndpoint, secret: account.clientSecret.reveal())
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, arguments: ["-forwarder-port", "15155"],
                environment: Dictionary(uniqueKeysWithValues: account.environment.map { ($0.name, $0.value) }))
            #expect(try await daemon.notification() == "READY=1")
            try await daemon.readLog(until: "connect")
            _ = try await daemon.call(Hypervisor.createVM, Self.pod)

            let azure = try LocalAzure(options, on: loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await azure.run() }
                defer { group.cancelAll() }
                _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
                _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
                while case let state = try await FakeAzureState(of: place, on: loop),
                    !state.resources.isEmpty
                {
                    try await loop.sleep(for: .milliseconds(20))
                }
                daemon.process.signal(Signals.terminate)
                #expect(try await daemon.process.wait() == .exited(0))
            }
        }
    }

    @Test("with -cloud-config-verify the adaptor exits where no pod could start in Azure, and says why")
    func verifies() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let good = try RunningDaemon(in: directory.path, on: loop, arguments: ["-cloud-config-verify"])
            #expect(try await good.notification() == "READY=1")
            good.process.signal(Signals.terminate)
            #expect(try await good.process.wait() == .exited(0))

            let scenario = directory.path + "/scenario"
            try Files.write("{\"image\": {\"here\": false}}".utf8, to: scenario, at: 0)
            var bad = try RunningDaemon(
                in: directory.path, on: loop, manager: "bad",
                arguments: ["-cloud-config-verify", "-fake-scenario", scenario])
            #expect(try await bad.process.wait() == .exited(1))
            try await bad.readLog()
            #expect(bad.log.contains("image"), "\(bad.log)")
            #expect(!Files.exists(bad.socket), "no client was served in between")
        }
    }

    @Test(
        "a VM that shuts down after Azure's operation has ended fails StartVM with that reason, long before the timeout"
    )
    func powersOff() async throws {
        let directory = try TemporaryDirectory()
        let scenario = directory.path + "/scenario"
        try Files.write(
            #"{"faults": [{"do": "guest", "guest": "powers-off", "life": 3}], "retry-after": 1}"#.utf8, to: scenario,
            at: 0)
        try await onLoop { loop in
            let daemon = try RunningDaemon(
                in: directory.path, on: loop, boots: true,
                arguments: ["-forwarder-port", "15157", "-fake-scenario", scenario, "-proxy-timeout", "10m"])
            _ = try await daemon.notification()
            _ = try await daemon.call(Hypervisor.createVM, Self.pod)
            let error = await #expect(throws: Status.self) {
                _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
            }
            #expect(
                error.map { "\($0)".contains("the VM has stopped (PowerState/stopped)") } == true, "\(error as Any)")
            let hasLog = error.map {
                "\($0)".contains("The end of its serial log: ") && "\($0)".contains("the scenario ends the guest")
            }
            #expect(hasLog == true, "\(error as Any)")
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
        }
    }

    @Test("a state directory may be relative to the adaptor's working directory")
    func relativeDirectory() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(
                in: directory.path, on: loop, boots: true,
                arguments: ["-forwarder-port", "15156", "-fake-state-dir", "elsewhere/cloud"])
            daemon.cloudDirectory = directory.path + "/elsewhere/cloud"
            let azure = try await daemon.fakeAzure()
            _ = try await daemon.call(Hypervisor.createVM, Self.pod)
            _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
            #expect(try await FakeAzureState(of: azure, on: loop).resources.count == 3)
            _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = Self.pod.id })
            while case let state = try await FakeAzureState(of: azure, on: loop), !state.resources.isEmpty {
                try await loop.sleep(for: .milliseconds(20))
            }
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
        }
    }

    @Test("a warning announces the fake Azure, and only its owner may read its secret")
    func fakeIsLoud() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var daemon = try RunningDaemon(in: directory.path, on: loop)
            let azure = try await daemon.fakeAzure()
            let line = try #require(daemon.log.split(separator: "\n").first { $0.contains("Using a fake Azure") })
            #expect(line.contains(#""level":"warning""#) && line.contains("confidential pods run as processes"))
            #expect(line.contains("as root") == SystemInfo.isRoot)
            #expect(Files.permissions("\(daemon.cloudDirectory)/secret") == 0o600)
            #expect(azure.secret.utf8.count >= 32 && !daemon.log.contains(azure.secret))
            daemon.process.signal(Signals.terminate)
            #expect(try await daemon.process.wait() == .exited(0))
        }
    }

    @Test("with a wrong secret the adaptor starts and pods do not; the shim gets Entra ID's error")
    func wrongSecret() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var options = LocalAzureOptions()
            options.stateDirectory = directory.path + "/azure"
            options.programsDirectory = Files.parent(of: RunningDaemon.executable)
            options.network = .loopback
            let azure = try LocalAzure(options, on: loop)
            var environment = Dictionary(
                uniqueKeysWithValues: azure.account.environment.map { ($0.name, $0.value) })
            environment["AZURE_CLIENT_SECRET"] = "expired"
            let daemon = try RunningDaemon(in: directory.path, on: loop, environment: environment)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await azure.run() }
                defer { group.cancelAll() }
                #expect(try await daemon.notification() == "READY=1")
                _ = try await daemon.call(Hypervisor.createVM, Self.pod)
                let error = await #expect(throws: Status.self) {
                    _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = Self.pod.id })
                }
                #expect(error.map { "\($0)".contains("AADSTS") } == true, "\(String(describing: error))")
                #expect(error.map { "\($0)".contains("expired") } == false, "secrets are not shown")
                daemon.process.signal(Signals.terminate)
                #expect(try await daemon.process.wait() == .exited(0))
            }
        }
    }
}
