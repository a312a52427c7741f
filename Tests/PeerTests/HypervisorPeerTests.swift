import Doubles
import Gateway
import LinuxIO
import PodConnection
import PodVMLifecycle
import RemoteHypervisor
import Telemetry
import TestSupport
import Testing

/// containerd's client, as kata's Go shim uses it, on the adaptor's own socket or on a gateway's.
@Suite(.enabled(if: GoPeer.isAvailable, GoPeer.need))
struct HypervisorPeerTests {
    /// An adaptor's socket with a lifecycle on a real disk, and a cloud that does as told.
    private struct Node: Sendable {
        let cloud = ScriptedCloud()
        let connector = ScriptedConnector()
        let directory: TemporaryDirectory
        let server: HypervisorServer
        let supervisor: SandboxSupervisor
        /// The gateway, and what attaches the adaptor to it; nil: the client uses the adaptor's socket.
        private var gateway: (Gateway, GatewayTunnels)?
        private var socket: String { gateway == nil ? server.path : directory.path + "/gateway/hypervisor.sock" }

        init(on loop: EpollLoop, hasGateway: Bool) async throws {
            directory = try TemporaryDirectory()
            supervisor = SandboxSupervisor(
                podsDirectory: directory.path + "/p", provider: cloud, connector: connector, loop: loop)
            try await supervisor.load()
            server = try HypervisorServer.listen(
                on: directory.path + "/hypervisor.sock",
                serving: HypervisorService.services(of: supervisor) + OurAgent().services, loop: loop)
            guard hasGateway else { return }
            var options = GatewayOptions()
            options.hypervisorSocket = directory.path + "/gateway/hypervisor.sock"
            options.controlSocket = directory.path + "/gateway/gateway.sock"
            options.podsDirectory = directory.path + "/p"
            gateway = (
                try await Gateway.start(options, on: loop, logger: .silent),
                GatewayTunnels(
                    socket: options.controlSocket, adaptorSocket: server.path, on: loop, logger: .silent)
            )
        }

        func check(_ name: String, by peer: GoPeer, on loop: EpollLoop) async throws {
            var services: [@Sendable () async throws -> Void] = [supervisor.run, { try await server.run() }]
            if let (gateway, tunnels) = gateway {
                services += [{ try await gateway.run(until: Event()) }, tunnels.run]
            }
            try await alongside(services) {
                try await peer.check(name, .unix(path: socket), with: "/proc/self/ns/net", on: loop)
            }
        }
    }

    @Test(
        "a pod is created, started and stopped, and the error of a wrong request says what is wrong",
        arguments: [false, true])
    func life(hasGateway: Bool) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let node = try await Node(on: loop, hasGateway: hasGateway)
            try await node.check("hypervisor", by: peer, on: loop)
            #expect(node.cloud.created.count == 1)
            #expect(node.cloud.deleted == node.cloud.created.map(\.name))
            #expect(node.supervisor.sandboxes().isEmpty)
        }
    }

    @Test(
        "a shim that exits during StartVM leaves no VM", arguments: ["start-hangup", "start-deadline"], [false, true])
    func abandonedStart(check: String, hasGateway: Bool) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let node = try await Node(on: loop, hasGateway: hasGateway)
            node.cloud.creation.append(.wait(Event()))
            try await node.check(check, by: peer, on: loop)
            #expect(node.cloud.machines.isEmpty)
            #expect(node.cloud.calls[.delete] == 1, "the VM might exist: it has to be deleted")
        }
    }

    @Test(
        "the adaptor's socket serves other clients, whatever one client sends",
        arguments: ["frames", "stream-ids", "drip", "garbage", "idle", "oversized-request", "unknown"],
        [false, true])
    func hostile(check: String, hasGateway: Bool) async throws {
        let peer = try GoPeer()
        _ = SystemInfo.raiseDescriptorLimit()
        try await onLoop { loop in
            let node = try await Node(on: loop, hasGateway: hasGateway)
            try await node.check(check, by: peer, on: loop)
        }
    }
}
