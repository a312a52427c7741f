import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import Gateway

@Suite("A newer gateway")
struct GenerationTests {
    private static func open(_ id: String, in rig: Rig) async throws {
        try rig.makeSandbox(id)
        let request = OpenTunnelRequest.with {
            ($0.sandbox, $0.socket, $0.host, $0.port) = (id, "\(rig.pods)/\(id)/agent.ttrpc", "127.0.0.1", 1)
        }
        _ = try await rig.control { try await $0.call(GatewayControl.openTunnel, request) }
    }

    private static func tunnels(in rig: Rig) async throws -> [String: Int64] {
        let list = try await rig.control { try await $0.call(GatewayControl.list, Empty()) }
        return Dictionary(uniqueKeysWithValues: list.tunnels.map { ($0.sandbox, $0.generation) })
    }

    @Test("serves new connections, while the earlier one keeps its own and exits after the last of them")
    func whole() async throws {
        try await Rig.run { rig in
            let calls = Lock<[String]>([])
            let first = try await TestAdaptor("a", in: rig) { call, _ in
                calls.withLock { $0.append("a \(call.method)") }
                return [1]
            }
            try await Self.open("old", in: rig)
            let shim = try await LinuxIO.Stream.connect(to: .unix(path: rig.options.hypervisorSocket), on: rig.loop)
            let cached = Client(shim, on: rig.loop)
            rig.pool.start { await cached.run() }
            #expect(try await cached.call("s", "before", []) == [1])

            let next = try await Gateway.start(rig.keepingOptions, on: rig.loop, logger: .silent)
            rig.pool.start { try? await next.run(until: Event()) }
            try await eventually(on: rig.loop) { first.end.withLock { ($0 as? Status)?.code } == .aborted }
            #expect(try await rig.status.generation == 2)
            _ = try await TestAdaptor("b", in: rig) { call, _ in
                calls.withLock { $0.append("b \(call.method)") }
                return [2]
            }
            // The earlier process sends its clients' calls to the adaptor that has attached to the newer one.
            #expect(try await cached.call("s", "cached", []) == [2])
            #expect(try await rig.shim { try await $0.call("s", "new", []) } == [2])
            #expect(calls.withLock { $0 } == ["a before", "b cached", "b new"])

            try await Self.open("new", in: rig)
            try await Self.open("old", in: rig)
            #expect(try await Self.tunnels(in: rig) == ["old": 1, "new": 2])
            let agent = try await LinuxIO.Stream.connect(to: .unix(path: "\(rig.pods)/old/agent.ttrpc"), on: rig.loop)
            agent.close()

            _ = try await rig.control { try await $0.call(GatewayControl.closeTunnel, .with { $0.sandbox = "old" }) }
            #expect(try await Self.tunnels(in: rig) == ["new": 2])
            #expect(Files.exists(rig.options.controlSocket + ".1"))
            cached.close()
            try await eventually(on: rig.loop) { !Files.exists(rig.options.controlSocket + ".1") }
            #expect(try await Self.tunnels(in: rig) == ["new": 2])
        }
    }

    @Test("finds the earlier ones also when the one between them was killed, and learns of their stop marks")
    func between() async throws {
        try await Rig.run { rig in
            try await Self.open("old", in: rig)
            let shim = try await LinuxIO.Stream.connect(to: .unix(path: rig.options.hypervisorSocket), on: rig.loop)
            let cached = Client(shim, on: rig.loop)
            rig.pool.start { await cached.run() }
            _ = try? await cached.call("s", "m", [], timeout: .milliseconds(1))

            let second = try await Gateway.start(rig.keepingOptions, on: rig.loop, logger: .silent)
            let killed = rig.pool.start { try? await second.run(until: Event()) }
            #expect(try await rig.status.generation == 2)
            killed.cancel()
            await killed.finished()
            let third = try await Gateway.start(rig.keepingOptions, on: rig.loop, logger: .silent)
            rig.pool.start { try? await third.run(until: Event()) }
            #expect(try await rig.status.generation == 2)

            _ = try await cached.call("hypervisor.Hypervisor", "StopVM", [0x0A, 3, 0x6F, 0x6C, 0x64])
            let adaptor = try await TestAdaptor("a", in: rig)
            try await eventually(on: rig.loop) { adaptor.stopped.contains("old") }
            #expect(try await Self.tunnels(in: rig) == ["old": 1])
            cached.close()
        }
    }

    @Test("is refused when its protocol version differs, or another one has taken over; the running one serves on")
    func refused() async throws {
        try await Rig.run { rig in
            let wrong = HandOverRequest.with { ($0.version, $0.socket) = (2, rig.directory.path + "/x") }
            var error = try await rig.control { client in
                await #expect(throws: Status.self) { try await client.call(GatewayControl.handOver, wrong) }
            }
            #expect(error?.code == .failedPrecondition)
            #expect(error?.message.hasSuffix("upgrade the running gateway") == true, "\(error as Any)")
            // No process listens there.
            let nowhere = HandOverRequest.with { ($0.version, $0.socket) = (1, rig.directory.path + "/x") }
            error = try await rig.control { client in
                await #expect(throws: Status.self) { try await client.call(GatewayControl.handOver, nowhere) }
            }
            #expect(error?.code == .internal)
            _ = try await TestAdaptor("a", in: rig) { _, _ in [1] }
            #expect(try await rig.shim { try await $0.call("s", "m", []) } == [1])
        }
    }

    @Test("removes the sockets that a killed process has left")
    func stale() async throws {
        try await Rig.run { rig in
            for name in [".7", ".next"] {
                try Listener.listen(on: .unix(path: rig.options.controlSocket + name), loop: rig.loop).close(
                    keepsFile: true)
            }
            let next = try await Gateway.start(rig.keepingOptions, on: rig.loop, logger: .silent)
            rig.pool.start { try? await next.run(until: Event()) }
            #expect(try await rig.status.generation == 2)
            for name in [".7", ".next"] { #expect(!Files.exists(rig.options.controlSocket + name)) }
        }
    }
}
