import LinuxIO
import TLS
import Telemetry
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("A session")
struct SessionTests {
    @Test("survives twenty cuts while bytes run both ways, and no byte is lost, repeated or changed")
    func twentyCuts() async throws {
        try await withCuts { tunnel, proxy in
            let client = try await tunnel.connect()
            let size = 6 << 20
            let sent = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    try await client.write(sent)
                    client.shutdownWriting()
                }
                group.addTask {
                    for cut in 1...20 {
                        try await eventually(on: tunnel.loop) { proxy.carried > cut * (size / 12) }
                        proxy.cut()
                    }
                }
                #expect(try await client.readToEnd() == sent)
                try await group.waitForAll()
            }
            #expect(proxy.accepted > 20)
        }
    }

    @Test("waits for a path that carries nothing, and continues when it does again")
    func blackhole() async throws {
        var times = SessionTimes()
        times.silence = .milliseconds(200)
        try await withCuts(times) { tunnel, proxy in
            let client = try await tunnel.connect()
            try await client.write([1])
            #expect(try await client.readExactly(1) == [1])
            proxy.set(.blackhole)
            try await client.write([2])
            try await eventually(on: tunnel.loop) { tunnel.shown("peerpods_tunnel_sessions_suspended 1") }
            proxy.set(.open)
            #expect(try await client.readExactly(1) == [2])
            #expect(tunnel.shown("peerpods_tunnel_sessions_resumed_total 1"))
            #expect(tunnel.shown("peerpods_tunnel_sessions_suspended 0"))
        }
    }

    @Test("takes over a connection that still looks open to the VM")
    func takeover() async throws {
        try await withCuts { tunnel, proxy in
            let client = try await tunnel.connect()
            for round in 0..<3 {
                try await client.write([UInt8(round)])
                #expect(try await client.readExactly(1) == [UInt8(round)])
                proxy.cutNodeSide()
            }
        }
    }

    @Test("stays open through silence, because the node's pings are answered")
    func pings() async throws {
        var times = SessionTimes()
        times.silence = .milliseconds(100)
        try await withCuts(times) { tunnel, proxy in
            let client = try await tunnel.connect()
            try await client.write([1])
            #expect(try await client.readExactly(1) == [1])
            let before = proxy.carried
            // Several times the silence after which a connection is given up.
            try await eventually(on: tunnel.loop) { proxy.carried > before + 20 * SessionFrame.headerSize }
            #expect(proxy.accepted == 1)
        }
    }

    @Test("ends with its reason when the path is broken for longer than the limit, at both ends")
    func tooLong() async throws {
        var times = SessionTimes()
        times.suspension = .milliseconds(150)
        let agentEnded = Event()
        try await withCuts(
            times,
            agent: { stream in
                try? await TestTunnel.echo(stream)
                agentEnded.set()
            }
        ) { tunnel, proxy in
            let client = try await tunnel.connect()
            try await client.write([1])
            #expect(try await client.readExactly(1) == [1])
            proxy.set(.refusing)
            proxy.cut()
            #expect(try await client.readToEnd() == [])
            await agentEnded.wait()
            try await eventually(on: tunnel.loop) {
                tunnel.shown("peerpods_tunnel_sessions_lost_total{reason=\"timed_out\"} 1")
            }
            #expect(tunnel.logged("broken for too long"))
        }
    }

    @Test("a direction whose reader does not read does not stop the other direction")
    func blockedDirection() async throws {
        var times = SessionTimes()
        times.silence = .milliseconds(300)
        try await withCuts(
            times,
            agent: { stream in
                // Never reads after the first byte, and sends more than the window.
                _ = try await stream.readExactly(1)
                try await stream.write([UInt8](repeating: 7, count: 3 << 20))
                try await stream.loop.sleep(for: .seconds(60))
            }
        ) { tunnel, proxy in
            let client = try await tunnel.connect()
            let writer = Task { try? await client.write([UInt8](repeating: 9, count: 8 << 20)) }
            #expect(try await client.readExactly(3 << 20).count == 3 << 20)
            #expect(proxy.accepted == 1)
            client.close()
            await writer.value
        }
    }

    @Test("that the forwarder does not have after its restart ends with this reason")
    func restartedForwarder() async throws {
        try await onLoop { loop in
            let rig = try SessionRig(on: loop)
            let restart = Event()
            try await rig.run { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1])
                #expect(try await client.readExactly(1) == [1])
                // A crash does not tell the node anything.
                tunnel.proxy.set(.refusing)
                tunnel.proxy.cut()
                restart.set()
                try await eventually(on: loop) { tunnel.forwarders == 2 }
                tunnel.proxy.set(.open)
                #expect(try await client.readToEnd() == [])
                #expect(tunnel.logged("does not have the session"))
                #expect(tunnel.shown("peerpods_tunnel_sessions_lost_total{reason=\"unknown\"} 1"))
                let next = try await tunnel.connect()
                try await next.write([2])
                #expect(try await next.readExactly(1) == [2])
            } restartingForwarderAt: {
                await restart.wait()
            }
        }
    }

    private func withCuts(
        _ times: SessionTimes = SessionTimes(),
        agent: @escaping @Sendable (Stream) async throws -> Void = TestTunnel.echo,
        _ body: @escaping @Sendable (SessionRig, CuttingProxy) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let rig = try SessionRig(times, agent: agent, on: loop)
            try await rig.run { rig in try await body(rig, rig.proxy) }
        }
    }
}
