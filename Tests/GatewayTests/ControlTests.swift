import AgentTunnel
import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import Gateway

@Suite("The gateway's control service")
struct ControlTests {
    private static func request(_ id: String, in rig: Rig) -> OpenTunnelRequest {
        .with {
            ($0.sandbox, $0.socket, $0.host, $0.port) = (id, "\(rig.pods)/\(id)/agent.ttrpc", "127.0.0.1", 1)
        }
    }

    @Test("attaches one adaptor: the latest")
    func latest() async throws {
        try await Rig.run { rig in
            let first = try await TestAdaptor("a", in: rig) { _, _ in [1] }
            #expect(first.events.withLock { $0.first?.status?.version } == 1)
            _ = try await TestAdaptor("b", in: rig) { _, _ in [2] }
            try await eventually(on: rig.loop) { first.end.withLock { ($0 as? Status)?.code } == .aborted }
            #expect(try await rig.shim { try await $0.call("s", "m", []) } == [2])
            // The end of the first must not detach the second.
            first.kill()
            #expect(try await rig.shim { try await $0.call("s", "m", []) } == [2])
            #expect(try await rig.status.attachments == 2)
        }
    }

    @Test(
        "refuses an adaptor of another version, and says what to upgrade", arguments: [(0, "adaptor"), (2, "gateway")])
    func version(version: Int64, upgraded: String) async throws {
        try await Rig.run { rig in
            let adaptor = try await TestAdaptor("a", in: rig, version: version)
            let status = try #require(adaptor.end.withLock { $0 } as? Status)
            #expect(status.code == .failedPrecondition && status.message.hasSuffix("upgrade the \(upgraded)"))
            #expect(try await rig.status.attachments == 0)
        }
    }

    @Test("opens, lists and closes tunnels, any number of times")
    func tunnels() async throws {
        try await Rig.run { rig in
            try rig.makeSandbox("a")
            try await rig.control { client in
                for _ in 0..<2 { _ = try await client.call(GatewayControl.openTunnel, Self.request("a", in: rig)) }
                var list = try await client.call(GatewayControl.list, Empty()).tunnels
                #expect(list.map(\.sandbox) == ["a"] && list[0].connections == 0)
                #expect(list[0].millisecondsSinceUse == -1 && list[0].generation == 1)
                let shim = try await LinuxIO.Stream.connect(to: .unix(path: "\(rig.pods)/a/agent.ttrpc"), on: rig.loop)
                try await eventually(on: rig.loop) {
                    list = try await client.call(GatewayControl.list, Empty()).tunnels
                    return list[0].connections == 1
                }
                #expect(list[0].millisecondsSinceUse == 0)
                shim.close()
                try await eventually(on: rig.loop) {
                    list = try await client.call(GatewayControl.list, Empty()).tunnels
                    return list[0].connections == 0
                }
                #expect(list[0].millisecondsSinceUse >= 0)
                for _ in 0..<2 { _ = try await client.call(GatewayControl.closeTunnel, .with { $0.sandbox = "a" }) }
                #expect(try await client.call(GatewayControl.list, Empty()).tunnels.isEmpty)
            }
            #expect(try Files.list("\(rig.pods)/a").isEmpty)
        }
    }

    @Test("keeps tunnels whose adaptor has gone away")
    func kept() async throws {
        try await Rig.run { rig in
            try rig.makeSandbox("a")
            let adaptor = try await TestAdaptor("a", in: rig)
            _ = try await rig.control { try await $0.call(GatewayControl.openTunnel, Self.request("a", in: rig)) }
            adaptor.kill()
            let shim = try await LinuxIO.Stream.connect(to: .unix(path: "\(rig.pods)/a/agent.ttrpc"), on: rig.loop)
            try await eventually(on: rig.loop) {
                try await rig.control { try await $0.call(GatewayControl.list, Empty()).tunnels[0].connections == 1 }
            }
            shim.close()
        }
    }

    @Test("closes the tunnel of a sandbox that an adaptor removed before it ended, once no client uses the tunnel")
    func unreachable() async throws {
        try await Rig.run({ $0.tunnelCheckInterval = .milliseconds(5) }) { rig in
            for id in ["a", "b"] {
                try rig.makeSandbox(id)
                _ = try await rig.control { try await $0.call(GatewayControl.openTunnel, Self.request(id, in: rig)) }
            }
            func sandboxes() async throws -> [String] {
                try await rig.control { try await $0.call(GatewayControl.list, Empty()).tunnels.map(\.sandbox) }
            }
            let shim = try await LinuxIO.Stream.connect(to: .unix(path: "\(rig.pods)/a/agent.ttrpc"), on: rig.loop)
            try await eventually(on: rig.loop) {
                try await rig.control { try await $0.call(GatewayControl.list, Empty()).tunnels[0].connections == 1 }
            }
            try Files.removeTree("\(rig.pods)/a")
            let removed = ContinuousClock.now
            // Many checks pass while the client is connected.
            try await eventually(on: rig.loop) { ContinuousClock.now - removed > .milliseconds(100) }
            #expect(try await sandboxes() == ["a", "b"])
            shim.close()
            try await eventually(on: rig.loop) { try await sandboxes() == ["b"] }
        }
    }

    @Test("refuses a tunnel with an invalid sandbox, socket, address or TLS setting")
    func invalid() async throws {
        try await Rig.run { rig in
            try rig.makeSandbox("a")
            let changes: [(inout OpenTunnelRequest) -> Void] = [
                { $0.sandbox = "../a" }, { $0.sandbox = "" }, { $0.socket = "agent.ttrpc" },
                { $0.socket = "/" + String(repeating: "a", count: 200) }, { $0.host = "podvm" }, { $0.host = "" },
                { $0.port = 0 }, { $0.port = 65_536 }, { $0.port = -1 },
                { $0.tls = .with { $0.minimumVersion = "SSLv3" } }, { $0.tls = .with { $0.cipherSuites = ["none"] } },
            ]
            for change in changes {
                var request = Self.request("a", in: rig)
                change(&request)
                let error = try await rig.control { client in
                    await #expect(throws: Status.self) { try await client.call(GatewayControl.openTunnel, request) }
                }
                #expect(error?.code == .invalidArgument, "\(request)")
            }
            // Without the sandbox's directory there is no socket.
            let error = try await rig.control { client in
                await #expect(throws: Status.self) {
                    try await client.call(GatewayControl.openTunnel, Self.request("other", in: rig))
                }
            }
            #expect(error?.code == .internal)
            #expect(try await rig.status.tunnels == 0)
        }
    }

    @Test("ends connections of agents' clients when it stops, and serves StopVM after that")
    func stop() async throws {
        try await Rig.run { rig in
            try rig.makeSandbox("a")
            _ = try await rig.control { try await $0.call(GatewayControl.openTunnel, Self.request("a", in: rig)) }
            let shim = try await LinuxIO.Stream.connect(to: .unix(path: "\(rig.pods)/a/agent.ttrpc"), on: rig.loop)
            try await eventually(on: rig.loop) {
                try await rig.control { try await $0.call(GatewayControl.list, Empty()).tunnels[0].connections == 1 }
            }
            rig.stop.set()
            #expect(try await shim.read(upTo: 1).isEmpty)
            _ = try await rig.shim { try await $0.call("hypervisor.Hypervisor", "StopVM", [0x0A, 1, 0x61]) }
            #expect(Files.exists("\(rig.pods)/a/stopped"))
        }
    }
}
