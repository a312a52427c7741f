import LinuxIO
import TLS
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("An application protocol")
struct ApplicationProtocolTests {
    /// A forwarder that speaks `protocols`, with an agent that repeats what it hears, and a dialer to it.
    private func with(
        _ protocols: [String: GuestTunnel.ProtocolHandler], limits: GuestTunnel.Limits = GuestTunnel.Limits(),
        profile: TLSProfile = .standard, isEncrypted: Bool = true,
        _ body: @escaping @Sendable (Dialer, EpollLoop) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let identity = try SandboxIdentity.make(vmName: "podvm-a")
            let agent = try Listener.listen(on: directory.socket("agent.sock"), loop: loop)
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let guest = GuestTunnel(
                listener, security: isEncrypted ? try identity.serverContext(profile: profile) : nil,
                agent: agent.address, limits: limits, on: loop, protocols: protocols)
            let security =
                isEncrypted
                ? ClientSecurity(context: try identity.clientContext(profile: profile), serverName: "podvm-a") : nil
            let dialer = Dialer(to: listener.address, security: security, on: loop)
            try await alongside({ try await guest.run() }) {
                try await alongside({
                    while true {
                        let stream = try await agent.accept()
                        defer { stream.close() }
                        try await TestTunnel.echo(stream)
                    }
                }) { try await body(dialer, loop) }
            }
        }
    }

    private static let answer: GuestTunnel.ProtocolHandler = { stream in
        _ = try? await stream.read(upTo: 1)
        try? await stream.write(Array("not the agent".utf8))
        try? await stream.finishWriting()
    }

    @Test(
        "that the client asks for replaces the agent's protocol, also when the session is resumed",
        arguments: ["VersionTLS12", "VersionTLS13"])
    func spoken(version: String) async throws {
        let profile = try TLSProfile(minimumVersion: version)
        try await with(["peerpod.v0": Self.answer, "peerpod.v1": Self.answer], profile: profile) { dialer, _ in
            for _ in 0..<3 {
                let stream = try #require(
                    try await dialer.connect(speaking: "peerpod.v1", deadline: .now + .seconds(20)))
                #expect((stream as? TLSStream)?.applicationProtocol == "peerpod.v1")
                try await stream.write([0])
                let answer = try await stream.readToEnd()
                #expect(String(decoding: answer, as: UTF8.self) == "not the agent")
                stream.close()

                let agent = try await dialer.connect(deadline: .now + .seconds(20))
                #expect((agent as? TLSStream)?.applicationProtocol == nil)
                try await agent.write([1, 2])
                #expect(try await agent.readExactly(2) == [1, 2])
                agent.close()
            }
        }
    }

    @Test("that the other end does not know is reported at once and is not an error", arguments: [["peerpod.v2"], []])
    func unknown(known: [String]) async throws {
        let handlers = Dictionary(uniqueKeysWithValues: known.map { ($0, Self.answer) })
        try await with(handlers) { dialer, _ in
            let stream = try await dialer.connect(speaking: "peerpod.v1", deadline: .now + .seconds(60))
            #expect(stream == nil)
        }
    }

    @Test("cannot be asked for without TLS")
    func inTheClear() async throws {
        try await with(["peerpod.v1": Self.answer], isEncrypted: false) { dialer, _ in
            let stream = try await dialer.connect(speaking: "peerpod.v1", deadline: .now + .seconds(60))
            #expect(stream == nil)
        }
    }

    @Test("has a limit of concurrent connections and the next one is closed; the agent's connections do not count")
    func crowd() async throws {
        var limits = GuestTunnel.Limits()
        limits.services = 2
        let held: GuestTunnel.ProtocolHandler = { stream in
            try? await stream.write([7])
            _ = try? await stream.read(upTo: 1)
        }
        try await with(["peerpod.v1": held], limits: limits) { dialer, _ in
            var streams: [any ByteStream] = []
            for _ in 0..<2 {
                let stream = try #require(
                    try await dialer.connect(speaking: "peerpod.v1", deadline: .now + .seconds(20)))
                #expect(try await stream.readExactly(1) == [7])
                streams.append(stream)
            }
            let third = try #require(
                try await dialer.connect(speaking: "peerpod.v1", deadline: .now + .seconds(20)))
            await #expect(throws: TLSError.self) { try await third.read(upTo: 1) }
            let agent = try await dialer.connect(deadline: .now + .seconds(20))
            try await agent.write([1])
            #expect(try await agent.readExactly(1) == [1])
            for stream in streams + [third, agent] { stream.close() }
        }
    }

    @Test("has a time limit for each connection")
    func deadline() async throws {
        var limits = GuestTunnel.Limits()
        limits.service = .milliseconds(50)
        let held: GuestTunnel.ProtocolHandler = { stream in _ = try? await stream.read(upTo: 1) }
        try await with(["peerpod.v1": held], limits: limits) { dialer, _ in
            let stream = try #require(
                try await dialer.connect(speaking: "peerpod.v1", deadline: .now + .seconds(20)))
            defer { stream.close() }
            await #expect(throws: TLSError.self) { try await stream.read(upTo: 1) }
        }
    }
}
