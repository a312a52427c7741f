import AgentHealth
import KataProtocol
import LinuxIO
import TTRPC
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("A session that moves to another process")
struct MovedSessionTests {
    @Test("loses, repeats and changes no byte in twenty moves while bytes run both ways, and after the client's end")
    func twentyMoves() async throws {
        try await run { rig in
            try await rig.stream {
                let moved = try rig.move()
                #expect(moved == 1)
            }
        }
    }

    @Test("continues when it moves while the path is broken, and while its client has ended its direction")
    func suspended() async throws {
        var times = SessionTimes()
        times.silence = .milliseconds(200)
        let release = Event()
        try await run(
            times,
            agent: { stream in
                while case let bytes = try await stream.read(upTo: 100), !bytes.isEmpty {
                    try await stream.write(bytes)
                }
                await release.wait()
                try await stream.write([9])
            }
        ) { rig in
            let client = try await rig.connect()
            try await client.write([1])
            #expect(try await client.readExactly(1) == [1])
            rig.proxy.set(.blackhole)
            try await client.write([2])
            try await eventually(on: rig.loop) { rig.shown("peerpods_tunnel_sessions_suspended 1") }
            for _ in 0..<3 { #expect(try rig.move() == 1) }
            rig.proxy.set(.open)
            #expect(try await client.readExactly(1) == [2])
            client.shutdownWriting()
            #expect(try rig.move() == 1)
            release.set()
            #expect(try await client.readToEnd() == [9])
            try await eventually(on: rig.loop) { rig.shown("peerpods_tunnel_sessions_suspended 0") }
        }
    }

    @Test("does not exist for a client that has ended")
    func ended() async throws {
        try await run { rig in
            let client = try await rig.connect()
            try await client.write([1])
            #expect(try await client.readExactly(1) == [1])
            client.close()
            try await eventually(on: rig.loop) { rig.connections == 0 }
            #expect(try rig.move() == 0)
        }
    }

    @Test("keeps what its health responder knows, however the frames are cut")
    func responder() throws {
        let request = Frame(
            stream: StreamID(rawValue: 3), .request,
            payload: RequestEnvelope(service: Health.service, method: "Check").encoded)
        var bytes: [UInt8] = []
        request.encode(into: &bytes)
        for cut in 0...bytes.count {
            var first = HealthResponder()
            unsafe bytes[..<cut].withUnsafeBytes { unsafe first.follow($0) }
            var second = HealthResponder()
            let isRestored = second.restore(first.snapshot)
            #expect(isRestored)
            #expect(second.snapshot == first.snapshot)
            unsafe bytes[cut...].withUnsafeBytes { unsafe second.follow($0) }
            var answers = SuspendedAnswers()
            second.suspend(into: &answers)
            // A request that was cut is not recognized, in one process or in two.
            #expect(answers.count == (cut == 0 || cut == bytes.count ? 1 : 0))
            for count in 0..<first.snapshot.count {
                var other = HealthResponder()
                let isAccepted = other.restore(Array(first.snapshot[..<count]))
                #expect(!isAccepted)
            }
        }
    }

    private func run(
        _ times: SessionTimes = SessionTimes(),
        agent: @escaping @Sendable (LinuxIO.Stream) async throws -> Void = TestTunnel.echo,
        _ body: @escaping @Sendable (SessionRig) async throws -> Void
    ) async throws {
        try await onLoop { loop in try await SessionRig(times, agent: agent, on: loop).run(body) }
    }
}
