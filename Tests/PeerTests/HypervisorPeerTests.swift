import Doubles
import LinuxIO
import PodVMLifecycle
import RemoteHypervisor
import TestSupport
import Testing

/// containerd's client, as kata's Go shim uses it, on the adaptor's own socket.
@Suite(.enabled(if: GoPeer.isAvailable, GoPeer.need))
struct HypervisorPeerTests {
    /// An adaptor's socket with a lifecycle on a real disk, and a cloud that does as told.
    private struct Node: Sendable {
        let cloud = ScriptedCloud()
        let connector = ScriptedConnector()
        let directory: TemporaryDirectory
        let server: HypervisorServer
        let supervisor: SandboxSupervisor

        init(on loop: EpollLoop) async throws {
            directory = try TemporaryDirectory()
            supervisor = SandboxSupervisor(
                podsDirectory: directory.path + "/p", provider: cloud, connector: connector, loop: loop)
            try await supervisor.load()
            server = try HypervisorServer.listen(
                on: directory.path + "/hypervisor.sock",
                serving: HypervisorService.services(of: supervisor) + OurAgent().services, loop: loop)
        }

        func check(_ name: String, by peer: GoPeer, on loop: EpollLoop) async throws {
            try await alongside(supervisor.run) {
                try await alongside({ try await server.run() }) {
                    try await peer.check(name, .unix(path: server.path), with: "/proc/self/ns/net", on: loop)
                }
            }
        }
    }

    @Test("a pod is created, started and stopped, and the error of a wrong request says what is wrong")
    func life() async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let node = try await Node(on: loop)
            try await node.check("hypervisor", by: peer, on: loop)
            #expect(node.cloud.created.count == 1)
            #expect(node.cloud.deleted == node.cloud.created.map(\.name))
            #expect(node.supervisor.sandboxes().isEmpty)
        }
    }

    @Test("a shim that exits during StartVM leaves no VM", arguments: ["start-hangup", "start-deadline"])
    func abandonedStart(check: String) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let node = try await Node(on: loop)
            node.cloud.creation.append(.wait(Event()))
            try await node.check(check, by: peer, on: loop)
            #expect(node.cloud.machines.isEmpty)
            #expect(node.cloud.calls[.delete] == 1, "the VM might exist: it has to be deleted")
        }
    }

    @Test(
        "the adaptor's socket serves other clients, whatever one client sends",
        arguments: ["frames", "stream-ids", "drip", "garbage", "idle", "oversized-request", "unknown"])
    func hostile(check: String) async throws {
        let peer = try GoPeer()
        _ = SystemInfo.raiseDescriptorLimit()
        try await onLoop { loop in
            let node = try await Node(on: loop)
            try await node.check(check, by: peer, on: loop)
        }
    }
}
