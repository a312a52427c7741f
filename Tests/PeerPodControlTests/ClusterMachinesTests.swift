import JSON
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("peerpodctl status -all-nodes")
struct ClusterMachinesTests {
    private static let machines = [
        MachineStatus.with {
            ($0.name, $0.node, $0.podNamespace, $0.podName) = ("podvm-db", "node-2", "shop", "db")
            ($0.size, $0.created, $0.sandbox) = ("Standard_DC4es_v6", 1_000_000, "0b")
        },
        MachineStatus.with {
            ($0.name, $0.node, $0.podNamespace, $0.podName) = ("podvm-web", "node-1", "shop", "web")
            ($0.size, $0.created, $0.sandbox) = ("Standard_DC2es_v6", 1_000_600, "0a")
        },
        MachineStatus.with { ($0.name, $0.podNamespace, $0.podName) = ("podvm-x", "n", "\u{1b}[2J") },
    ]

    @Test("lists the VMs of all nodes by node, with pod, size and age")
    func table() {
        let lines = ClusterMachines(Self.machines).lines(now: WallTime(secondsSinceEpoch: 1_000_900))
        #expect(
            lines == [
                "NODE    POD          VM         SIZE                   AGE",
                "-       n/\\u001b[2J  podvm-x    -                  unknown",
                "node-1  shop/web     podvm-web  Standard_DC2es_v6       5m",
                "node-2  shop/db      podvm-db   Standard_DC4es_v6      15m", "", "3 VMs of 3 nodes",
            ])
        #expect(ClusterMachines([]).lines(now: .now) == ["no VMs"])
    }

    @Test("asks the adaptor, and writes JSON with full ids; an older adaptor is named as the reason")
    func call() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/hypervisor.sock"
        let said = CapturedOutput()
        try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            let server = Server(
                Service.services(of: [
                    Sandboxes.machines.handled { _, _ in .with { $0.machines = Self.machines } }
                ]), on: loop)
            let older = try Listener.listen(on: .unix(path: path + ".old"), loop: loop)
            let oldServer = Server(
                Service.services(of: [Sandboxes.list.handled { _, _ in SandboxList() }]), on: loop)
            try await alongside([
                { do { try await server.serve(listener) } catch is CancellationError {} },
                { do { try await oldServer.serve(older) } catch is CancellationError {} },
            ]) {
                var options = StatusOptions(socket: path, isJSON: true, allNodes: true)
                let status = await StatusCommand(options: options, output: said.output).show(
                    on: loop, isRepeated: false)
                #expect(status == 0)
                options.socket += ".old"
                let old = await StatusCommand(options: options, output: said.output).show(on: loop, isRepeated: false)
                #expect(old == 125)
            }
        }
        let list = try #require(try JSONValue(parsing: Array(said.standard.utf8)).arrayValue)
        #expect(list.map { $0["vm"]?.stringValue } == ["podvm-x", "podvm-web", "podvm-db"])
        #expect(list[1]["sandbox"] == "0a")
        #expect(said.error.contains("check that the socket is an adaptor's, and its version"))
    }
}
