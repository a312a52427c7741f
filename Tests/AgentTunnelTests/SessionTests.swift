import KataProtocol
import LinuxIO
import TLS
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("A session")
struct SessionTests {
    @Test("survives twenty cuts while bytes run both ways, and no byte is lost, repeated or changed")
    func twentyCuts() async throws {
        try await withCuts { tunnel, proxy in
            try await tunnel.stream { proxy.cut() }
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
        times.silence = .milliseconds(400)
        try await withCuts(times) { tunnel, proxy in
            let client = try await tunnel.connect()
            try await client.write([1])
            #expect(try await client.readExactly(1) == [1])
            let before = proxy.carried
            // Several times the silence after which a connection is given up.
            try await eventually(on: tunnel.loop) { proxy.carried > before + 8 * SessionFrame.headerSize }
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

    @Test("carries ttrpc calls across cuts, and each call gets its answer once")
    func calls() async throws {
        let served = Lock(0)
        try await withCuts(agent: { stream in
            let service = Service.services(of: [
                Health.check.handled { _, _ in
                    var response = HealthCheckResponse()
                    response.status = served.withLock { count in
                        count += 1
                        return UInt32(count)
                    }
                    return response
                }
            ])
            await Server(service, on: stream.loop).serve(stream)
        }) { tunnel, proxy in
            let connection = try await tunnel.connect()
            try await Client.with(connection, on: tunnel.loop) { client in
                for round in 1...60 {
                    if round.isMultiple(of: 6) { proxy.cut() }
                    let answer = try await client.call(Health.check, HealthCheckRequest(), timeout: .seconds(30))
                    #expect(answer.status == UInt32(round))
                }
            }
            #expect(proxy.accepted > 5)
        }
        #expect(served.withLock { $0 } == 60)
    }

    @Test("ends alone when its node sends what the protocol does not allow; others continue, and the log says why")
    func hostile() async throws {
        try await withCuts { tunnel, proxy in
            let client = try await tunnel.connect()
            try await client.write([1])
            #expect(try await client.readExactly(1) == [1])
            let id = SessionID.random()
            let attacks: [[UInt8]] = [
                [9] + [UInt8](repeating: 0, count: 24),
                SessionHello(.new, id).bytes + [7, 0, 0, 0] + [UInt8](repeating: 0, count: 8),
                SessionHello(.new, id).bytes + [2, 0, 0, 0] + [UInt8](repeating: 255, count: 8),
                SessionHello(.new, id).bytes + [1, 255, 255, 255] + [UInt8](repeating: 0, count: 8),
            ]
            for attack in attacks {
                let stream = try #require(try await tunnel.dial())
                try await stream.write(attack)
                _ = try? await stream.readToEnd()
                stream.close()
            }
            let stranger = try #require(try await tunnel.dial())
            try await stranger.write(SessionHello(.resume, .random(), received: 5).bytes)
            #expect(try await stranger.readExactly(SessionAnswer.size) == SessionAnswer(.unknown).bytes)
            #expect(tunnel.logged("unknown kind 7"))
            #expect(tunnel.logged("acknowledged 18446744073709551615 bytes"))
            #expect(tunnel.logged("first message is malformed"))
            try await client.write([2])
            #expect(try await client.readExactly(1) == [2])
        }
    }

    @Test("of a client that has too many replaces the longest suspended one, or is refused")
    func crowd() async throws {
        try await onLoop { loop in
            let rig = try SessionRig(on: loop)
            rig.sessions.withLock { $0 = 2 }
            try await rig.run { tunnel in
                var streams: [TLSStream] = []
                func begin() async throws -> [UInt8] {
                    let stream = try #require(try await tunnel.dial())
                    streams.append(stream)
                    try await stream.write(SessionHello(.new, .random()).bytes)
                    return try await stream.readExactly(SessionAnswer.size)
                }
                for _ in 0..<2 { #expect(try await begin() == SessionAnswer(.accepted).bytes) }
                #expect(try await begin() == SessionAnswer(.crowded).bytes)
                streams[0].close()
                // The end of the connection has to arrive first.
                while try await begin() != SessionAnswer(.accepted).bytes { streams.removeLast().close() }
                for stream in streams { stream.close() }
            }
        }
    }

    @Test("ends in the VM when the last acknowledgement and the end of the connection arrive together")
    func lastAcknowledgement() async throws {
        try await withCuts { tunnel, _ in
            func frame(_ kind: SessionFrame.Kind, _ value: Int = 0, consumed: UInt64 = 0) -> [UInt8] {
                unsafe SessionFrame(kind, value: value, consumed: consumed).withBytes { unsafe Array($0) }
            }
            let id = SessionID.random()
            let stream = try #require(try await tunnel.dial())
            try await stream.write(SessionHello(.new, id).bytes + frame(.data, 1) + [7] + frame(.end))
            #expect(try await stream.readExactly(SessionAnswer.size) == SessionAnswer(.accepted).bytes)
            var kind: UInt8 = 0
            while kind != SessionFrame.Kind.end.rawValue {
                let header = try await stream.readExactly(SessionFrame.headerSize)
                kind = header[0]
                if kind == SessionFrame.Kind.data.rawValue { _ = try await stream.readExactly(Int(header[3])) }
            }
            try await stream.write(frame(.acknowledgement, consumed: 2))
            stream.close()
            let next = try #require(try await tunnel.dial())
            try await next.write(SessionHello(.resume, id, received: 2).bytes)
            #expect(try await next.readExactly(SessionAnswer.size) == SessionAnswer(.unknown).bytes)
            next.close()
        }
    }

    @Test("survives first messages of connections that the node has given up, which the network delivers late")
    func staleConnections() async throws {
        try await withCuts { tunnel, _ in
            func frame(_ kind: SessionFrame.Kind, _ value: Int = 0, consumed: UInt64 = 0) -> [UInt8] {
                unsafe SessionFrame(kind, value: value, consumed: consumed).withBytes { unsafe Array($0) }
            }
            /// Sends a first message, and returns its answer.
            func greet(_ hello: SessionHello) async throws -> (TLSStream, [UInt8]) {
                let stream = try #require(try await tunnel.dial())
                try await stream.write(hello.bytes)
                return (stream, try await stream.readExactly(SessionAnswer.size))
            }
            /// The payload of the next data frame.
            func payload(_ stream: TLSStream) async throws -> [UInt8] {
                while true {
                    let header = try await stream.readExactly(SessionFrame.headerSize)
                    if header.first == SessionFrame.Kind.data.rawValue {
                        return try await stream.readExactly(Int(header[3]))
                    }
                }
            }
            let id = SessionID.random()
            let (first, begun) = try await greet(SessionHello(.new, id))
            #expect(begun == SessionAnswer(.accepted).bytes)
            try await first.write(frame(.data, 3) + [1, 2, 3])
            #expect(try await payload(first) == [1, 2, 3])
            // The node has not acknowledged a byte: the stale message takes the session over, and its connection breaks.
            let (stale, taken) = try await greet(SessionHello(.new, id))
            #expect(taken == SessionAnswer(.accepted, received: 3).bytes)
            stale.close()
            // The node has received the three bytes, although the last connection was given none of them.
            let (second, resumed) = try await greet(SessionHello(.resume, id, received: 3))
            #expect(resumed == SessionAnswer(.accepted, received: 3).bytes)
            try await second.write(frame(.acknowledgement, consumed: 3) + frame(.data, 1, consumed: 3) + [4])
            #expect(try await payload(second) == [4])
            // The bytes before the acknowledgement are gone, so that the session cannot continue there.
            for hello in [SessionHello(.new, id), SessionHello(.resume, id, received: 2)] {
                let (late, answer) = try await greet(hello)
                #expect(answer == SessionAnswer(.unknown).bytes)
                late.close()
            }
            #expect(tunnel.logged("only 3 to 4 are possible"))
            try await second.write(frame(.data, 1, consumed: 4) + [5])
            #expect(try await payload(second) == [5])
            second.close()
        }
    }

    @Test("that the forwarder does not have after its restart ends with this reason")
    func restartedForwarder() async throws {
        try await withRestart { tunnel, client, restart in
            // A crash does not tell the node anything.
            tunnel.proxy.set(.refusing)
            tunnel.proxy.cut()
            restart.set()
            try await eventually(on: tunnel.loop) { tunnel.forwarders == 2 }
            tunnel.proxy.set(.open)
            #expect(try await client.readToEnd() == [])
            // The client sees the end of the connection before the node's end has been reported.
            try await eventually(on: tunnel.loop) {
                tunnel.logged("does not have the session")
                    && tunnel.shown("peerpods_tunnel_sessions_lost_total{reason=\"unknown\"} 1")
            }
            let next = try await tunnel.connect()
            try await next.write([2])
            #expect(try await next.readExactly(1) == [2])
        }
    }

    @Test("ends at once when the forwarder stops, and the node knows the reason")
    func stoppedForwarder() async throws {
        try await withRestart { tunnel, client, restart in
            restart.set()
            #expect(try await client.readToEnd() == [])
            // After an end without a message, the node would resume, and the reason would be "unknown".
            try await eventually(on: tunnel.loop) {
                tunnel.shown("peerpods_tunnel_sessions_lost_total{reason=\"stopping\"} 1")
            }
        }
    }

    /// Runs `body` with a client whose session has begun, and with the event at which the forwarder is replaced.
    private func withRestart(
        _ body: @escaping @Sendable (SessionRig, LinuxIO.Stream, Event) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let (rig, restart) = (try SessionRig(on: loop), Event())
            try await rig.run { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1])
                #expect(try await client.readExactly(1) == [1])
                try await body(tunnel, client, restart)
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
