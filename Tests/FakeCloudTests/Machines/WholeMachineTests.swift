import JSON
import KataProtocol
import LinuxIO
import PodVMBoot
import PodVMLifecycle
import TTRPC
import Testing

@testable import FakeCloud

@Suite(.enabled(if: CloudFixture.isBuiltWhole, "fake-pod-vm or agent-protocol-forwarder is not built"))
struct WholeVMTests {
    @Test("boots with the real forwarder, through which its agent runs a process")
    func wholeVM() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud {
                $0.programsDirectory = CloudFixture.built
                $0.forwarderFlags = ["-disable-tls"]
            }
            let userData = try UserData(BootDocument(podName: "pod", podNamespace: "default")).encoded()
            let vm = try await fixture.create("podvm-a", in: cloud, userData: userData)
            let stream = try await fixture.connect(to: .tcp(host: vm.addresses[0], port: 15150))
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
            let timeline = cloud.directoryOf("podvm-a").timeline
            let steps = ["asked", "powered-on", "booted", "provisioned", "ready"]
            try await fixture.eventually("every step has its time") {
                try JSONValue(parsing: DurableFile.read(timeline, limit: 10_000)).objectValue?.keys == steps
            }
            let times = try JSONValue(parsing: DurableFile.read(timeline, limit: 10_000)).objectValue
            let ordered = steps.compactMap { times?[$0]?.integerValue }
            #expect(ordered == ordered.sorted())
        }
    }

    @Test("fails at provisioning when its user data is nothing that a VM may boot with")
    func badUserData() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud { $0.programsDirectory = CloudFixture.built }
            let vm = try await fixture.create("podvm-a", in: cloud, userData: "not base64!")
            let error = await #expect(throws: ProviderError.self) { try await cloud.awaitProvisioned(vm) }
            #expect(error?.detail.contains("provisioning") == true)
            let console = try DurableFile.read(cloud.directoryOf("podvm-a").console, limit: 100_000)
            #expect(String(decoding: console, as: UTF8.self).contains("neither a cloud-config"))
        }
    }
}
