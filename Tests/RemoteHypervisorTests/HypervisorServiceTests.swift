import Doubles
import KataProtocol
import LinuxIO
import PeerPodProtocol
import PodVMLifecycle
import TTRPC
import TestSupport
import Testing

@Suite("Hypervisor service")
struct HypervisorServiceTests {
    @Test("a pod is created, started, listed, found and stopped")
    func life() async throws {
        try await TestNode.run { node in
            let version = try await node.call(Hypervisor.version, .with { $0.version = "1" })
            #expect(version.version == "0.0.0")
            let created = try await node.call(Hypervisor.createVM, .plain())
            #expect(created.agentSocketPath == "\(node.directory)/pods/s1/agent.ttrpc")
            _ = try await node.call(Hypervisor.startVM, .of("s1"), timeout: .seconds(60))
            let list = try await node.call(Sandboxes.list, Empty()).sandboxes
            let status = try #require(list.first)
            #expect(list.count == 1)
            #expect(status.id == "s1" && status.podName == "nginx" && status.podNamespace == "default")
            #expect(status.state == "running" && status.address == "10.0.0.4" && status.created > 1_600_000_000)
            let pod = GetInfoRequest.with { ($0.podName, $0.podNamespace) = ("nginx", "default") }
            #expect(try await node.call(PodVMInfo.getInfo, pod).vmID == status.vm)
            _ = try await node.call(Hypervisor.stopVM, .of("s1"), timeout: .seconds(1))
            await node.cloud.calls.reached(.delete)
            try await eventually(on: node.loop) { node.supervisor.sandboxes().isEmpty }
            #expect(node.cloud.machines.isEmpty)
        }
    }

    @Test("tells the latest histories of all pods without a name; a node without a name cannot list the cluster's VMs")
    func histories() async throws {
        try await TestNode.run { node in
            for id in ["s1", "s2"] { _ = try await node.call(Hypervisor.createVM, .plain(id, pod: "pod-\(id)")) }
            func names(_ name: String) async throws -> [String?] {
                try await node.call(Sandboxes.history, .with { $0.name = name }).sandboxes.map { $0.sandbox?.podName }
            }
            #expect(try await names("") == ["pod-s1", "pod-s2"])
            #expect(try await names("pod-s2") == ["pod-s2"])
            #expect(try await names("other").isEmpty)
            #expect(try await node.status(of: Sandboxes.machines, Empty()).code == .failedPrecondition)
        }
    }

    @Test("reports the network of an existing sandbox, and of no other")
    func network() async throws {
        try await TestNode.run { node in
            _ = try await node.call(Hypervisor.createVM, .plain())
            #expect(try await node.call(Sandboxes.network, .with { $0.id = "s1" }).vmAddress == "")
            _ = try await node.call(Hypervisor.startVM, .of("s1"))
            let network = try await node.call(Sandboxes.network, .with { $0.id = "s1" })
            #expect(network.vmAddress == "10.0.0.4" && network.vxlanID == 7)
            for id in ["s2", "", "../s1"] {
                #expect(try await node.status(of: Sandboxes.network, .with { $0.id = id }).code == .notFound)
            }
        }
    }

    @Test("a refusal of the lifecycle is returned with its code and its sentence")
    func refusals() async throws {
        try await TestNode.run { node in
            _ = try await node.call(Hypervisor.createVM, .plain())
            var other = CreateVMRequest.plain()
            other.annotations[Annotation.machineType] = "Standard_DC2es_v6"
            let duplicate = try await node.status(of: Hypervisor.createVM, other)
            #expect(duplicate.code == .alreadyExists && duplicate.message.contains("s1"))
            #expect(try await node.status(of: Hypervisor.startVM, .of("s2")).code == .notFound)
            #expect(try await node.status(of: Hypervisor.startVM, .of("../x")).code == .invalidArgument)
            #expect(try await node.status(of: Hypervisor.startVM, .of("s1")).code == .ok)
            #expect(try await node.status(of: Hypervisor.createVM, .plain()).code == .alreadyExists)
            let unknown = try await node.status(
                of: PodVMInfo.getInfo, .with { ($0.podName, $0.podNamespace) = ("unknown", "default") })
            #expect(unknown.code == .notFound)
            #expect(try await node.status(of: PodVMInfo.getInfo, GetInfoRequest()).code == .invalidArgument)
        }
    }

    @Test("a network namespace that does not exist is refused before anything is created")
    func missingNamespace() async throws {
        try await TestNode.run { node in
            var create = CreateVMRequest.plain()
            create.networkNamespacePath = "\(node.directory)/no-such-netns"
            let status = try await node.status(of: Hypervisor.createVM, create)
            #expect(status.code == .invalidArgument && status.message.contains("no-such-netns"))
            #expect(node.supervisor.sandboxes().isEmpty)
            #expect(node.connector.calls[.prepare] == 0)
        }
    }

    @Test("StopVM succeeds twice, for an unknown id, for text that is not an id, and before StartVM")
    func stops() async throws {
        try await TestNode.run { node in
            for id in ["stranger", "", "../x", "a\0b", String(repeating: "a", count: 5000)] {
                #expect(try await node.status(of: Hypervisor.stopVM, .of(id)).code == .ok)
            }
            _ = try await node.call(Hypervisor.createVM, .plain())
            #expect(try await node.status(of: Hypervisor.stopVM, .of("s1")).code == .ok)
            #expect(try await node.status(of: Hypervisor.stopVM, .of("s1")).code == .ok)
            try await eventually(on: node.loop) { node.supervisor.sandboxes().isEmpty }
        }
    }

    @Test("StopVM during StartVM cancels the start")
    func stopDuringStart() async throws {
        try await TestNode.run { node in
            node.connector.connection.append(.wait(Event()))
            _ = try await node.call(Hypervisor.createVM, .plain())
            async let start = node.status(of: Hypervisor.startVM, .of("s1"))
            await node.connector.calls.reached(.connect)
            #expect(try await node.status(of: Hypervisor.stopVM, .of("s1"), timeout: .seconds(1)).code == .ok)
            #expect(try await start.code == .cancelled)
            await node.cloud.calls.reached(.delete)
        }
    }

    /// Where StartVM can be when its caller is lost.
    enum Phase: CaseIterable {
        case creating, connecting
    }

    @Test("the VM of a shim that closes its connection during StartVM is deleted", arguments: Phase.allCases)
    func hangUp(phase: Phase) async throws {
        try await TestNode.run { node in
            _ = try await node.call(Hypervisor.createVM, .plain())
            try await startAndWait(node, phase) { connection in connection.close() }
            await node.cloud.calls.reached(.delete)
            try await eventually(on: node.loop) { node.supervisor.sandboxes().isEmpty }
        }
    }

    @Test("a deadline during StartVM deletes the VM, and the shim gets DEADLINE_EXCEEDED", arguments: Phase.allCases)
    func deadline(phase: Phase) async throws {
        try await TestNode.run { node in
            _ = try await node.call(Hypervisor.createVM, .plain())
            // A busy machine, too, reaches the phase within a second.
            try await startAndWait(node, phase, timeout: 1_000_000_000) { connection in
                var decoder = FrameDecoder()
                while true {
                    if case .frame(let frame) = decoder.next() {
                        let envelope = try ResponseEnvelope(parsing: frame.payload)
                        #expect(envelope.status?.code == .deadlineExceeded)
                        return
                    }
                    let bytes = try await connection.read(upTo: 4096)
                    try #require(!bytes.isEmpty)
                    decoder.append(bytes)
                }
            }
            await node.cloud.calls.reached(.delete)
            try await eventually(on: node.loop) { node.supervisor.sandboxes().isEmpty }
        }
    }

    @Test("a shim that closes its connection during CreateVM leaves nothing")
    func hangUpDuringCreate() async throws {
        try await TestNode.run { node in
            node.connector.preparation.append(.wait(Event()))
            let connection = try await node.connect()
            try await connection.write(wire(Hypervisor.createVM, CreateVMRequest.plain()))
            await node.connector.calls.reached(.prepare)
            connection.close()
            try await eventually(on: node.loop) { node.supervisor.sandboxes().isEmpty }
            #expect(node.cloud.calls[.create] == 0)
        }
    }

    @Test("GetInfo waits for the VM, and ends when its caller closes the connection")
    func waiting() async throws {
        try await TestNode.run { node in
            let pod = GetInfoRequest.with { ($0.podName, $0.podNamespace, $0.wait) = ("nginx", "default", true) }
            let late = try await node.status(of: PodVMInfo.getInfo, pod, timeout: .milliseconds(20))
            #expect(late.code == .deadlineExceeded)
            async let info = node.call(PodVMInfo.getInfo, pod)
            _ = try await node.call(Hypervisor.createVM, .plain())
            _ = try await node.call(Hypervisor.startVM, .of("s1"))
            #expect(try await info.vmID.hasPrefix("podvm-nginx-"))
        }
    }

    private func startAndWait(
        _ node: TestNode, _ phase: Phase, timeout: Int64 = 0, _ body: (Stream) async throws -> Void
    ) async throws {
        switch phase {
        case .creating: node.cloud.creation.append(.wait(Event()))
        case .connecting: node.connector.connection.append(.wait(Event()))
        }
        let connection = try await node.connect()
        try await connection.write(wire(Hypervisor.startVM, .of("s1"), timeout: timeout))
        switch phase {
        case .creating: await node.cloud.calls.reached(.create)
        case .connecting: await node.connector.calls.reached(.connect)
        }
        try await body(connection)
    }
}

/// The bytes of a call.
func wire<Request: Message, Response: Message>(
    _ method: Method<Request, Response>, _ request: Request, timeout: Int64 = 0
) -> [UInt8] {
    let envelope = RequestEnvelope(
        service: method.service, method: method.name, payload: request.encoded, timeoutNanoseconds: timeout)
    var bytes: [UInt8] = []
    Frame(stream: 1, .request, payload: envelope.encoded).encode(into: &bytes)
    return bytes
}
