import HTTPTransport
import JSON
import KataProtocol
import LinuxIO
import PodVMBoot
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import FakeCloud

@Suite(.enabled(if: MachineFixture.isBuiltWhole, "fake-pod-vm or agent-protocol-forwarder is not built"))
struct WholeMachineTests {
    @Test("boots with the real forwarder, through which its agent runs a process")
    func wholeMachine() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines {
                $0.programsDirectory = MachineFixture.built
                $0.forwarderFlags = ["-disable-tls"]
            }
            let userData = try UserData(BootDocument(podName: "pod", podNamespace: "default")).encoded()
            let address = try await boot("podvm-a", in: machines, userData: userData, fixture)
            let stream = try await fixture.connect(to: .tcp(host: address, port: 15150))
            try await Client.with(stream, on: fixture.loop) { client in
                let health = try await client.call(AgentService.check, .init())
                #expect(health.status == HealthCheckResponse.serving)
                let create = CreateContainerRequest.with {
                    $0.containerID = "c1"
                    $0.oci = .with { $0.process = .with { $0.arguments = ["echo", "from the VM"] } }
                }
                _ = try await client.call(AgentService.createContainer, create)
                _ = try await client.call(AgentService.startContainer, .with { $0.containerID = "c1" })
                let read = ReadStreamRequest.with {
                    ($0.containerID, $0.execID) = ("c1", "c1")
                    $0.length = 100
                }
                let output = try await client.call(AgentService.readStdout, read).data
                #expect(output == Array("from the VM\n".utf8))
            }
            let timeline = machines.directoryOf("podvm-a").timeline
            let steps = ["asked", "powered-on", "booted", "provisioned", "ready"]
            try await fixture.eventually("every step has its time") {
                try JSONValue(parsing: DurableFile.read(timeline, limit: 10_000)).objectValue?.keys == steps
            }
            let times = try JSONValue(parsing: DurableFile.read(timeline, limit: 10_000)).objectValue
            let ordered = steps.compactMap { times?[$0]?.integerValue }
            #expect(ordered == ordered.sorted())
        }
    }

    @Test("fails at provisioning when its user data is not valid")
    func badUserData() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines { $0.programsDirectory = MachineFixture.built }
            try await boot("podvm-a", in: machines, userData: "not base64!", fixture)
            guard case .failed(let reason) = machines.status(of: "podvm-a") else {
                Issue.record("it has not failed")
                return
            }
            #expect(reason.contains("provisioning"))
            let console = try DurableFile.read(machines.directoryOf("podvm-a").console, limit: 100_000)
            #expect(String(decoding: console, as: UTF8.self).contains("neither a cloud-config"))
        }
    }

    /// Boots a machine with a metadata service that has only user data; returns its address when it runs or has failed.
    @discardableResult
    private func boot(
        _ name: String, in machines: LocalMachines, userData: String, _ fixture: MachineFixture
    ) async throws -> String {
        let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: fixture.loop)
        let server = try HTTPServer(on: listener, loop: fixture.loop, logger: .silent) { request in
            request.path == "/imds/x/metadata/instance/compute/userData" && request.headers["Metadata"] == "true"
                ? .text(userData) : .text("not here", status: 400)
        }
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await server.run() }
            defer { group.cancelAll() }
            let address = try await fixture.powerOn(name, in: machines) {
                $0.metadataEndpoint = "http://\(server.address)/imds/x"
            }
            try await fixture.eventually("it is provisioned, or has failed") {
                machines.status(of: name) != .booting
            }
            return address
        }
    }
}
