import Doubles
import KataProtocol
import LinuxIO
import PeerPodProtocol
import PodVMLifecycle
import RemoteHypervisor
import TTRPC
import TestSupport

/// A node with the real supervisor behind the real socket, and a cloud that does as written.
struct TestNode: Sendable {
    let loop: EpollLoop
    let directory: String
    let cloud: ScriptedCloud
    let connector: ScriptedConnector
    let supervisor: SandboxSupervisor

    var socket: String { "\(directory)/run/hypervisor.sock" }

    /// Runs a node in a directory of its own for as long as `body` takes.
    static func run(
        limits: ServerLimits = .standard, _ body: @escaping @Sendable (TestNode) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/hypervisor-test-")
            defer { try? Files.removeTree(directory) }
            let (cloud, connector) = (ScriptedCloud(), ScriptedConnector())
            let supervisor = SandboxSupervisor(
                podsDirectory: "\(directory)/pods", provider: cloud, connector: connector, loop: loop)
            try await supervisor.load()
            let node = TestNode(
                loop: loop, directory: directory, cloud: cloud, connector: connector, supervisor: supervisor)
            let server = try HypervisorServer.listen(
                on: node.socket,
                serving: HypervisorService.services(of: supervisor) { summary in
                    .with { ($0.vmAddress, $0.vxlanID) = (summary.address ?? "", 7) }
                }, loop: loop, limits: limits)
            async let _: Void = supervisor.run()
            async let _: Void? = try? server.run()
            try await body(node)
        }
    }

    func connect() async throws -> Stream { try await Stream.connect(to: .unix(path: socket), on: loop) }

    /// One call on a connection of its own, as kata's Go shim makes it.
    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration? = nil
    ) async throws -> Response {
        try await Client.with(try await connect(), on: loop) { client in
            try await client.call(method, request, timeout: timeout)
        }
    }

    /// The status that such a call ends with; OK when it succeeds.
    func status<Request: Message, Response: Message>(
        of method: Method<Request, Response>, _ request: Request, timeout: Duration? = nil
    ) async throws -> Status {
        do {
            _ = try await call(method, request, timeout: timeout)
            return Status(.ok, "")
        } catch let status as Status {
            return status
        }
    }
}

extension CreateVMRequest {
    /// What a shim sends for a plain pod.
    static func plain(_ id: String = "s1", pod: String = "nginx") -> CreateVMRequest {
        .with {
            $0.id = id
            $0.annotations = [
                Annotation.podName: pod, Annotation.podNamespace: "default", Annotation.machineType: "",
                Annotation.image: "", Annotation.vcpus: "0", Annotation.memory: "0", Annotation.gpus: "0",
                Annotation.gpuModel: "", Annotation.initdata: "",
            ]
        }
    }
}

extension VMRequest {
    static func of(_ id: String) -> VMRequest { .with { $0.id = id } }
}
