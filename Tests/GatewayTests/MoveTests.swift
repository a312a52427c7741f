import LinuxIO
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import AgentTunnel
@testable import Gateway

@Suite("A tunnel that moves to a newer gateway")
struct MoveTests {
    /// A rig whose gateway has the tunnel `a` with a silent client, and no longer its listening sockets.
    private static func run(
        _ body: @escaping @Sendable (Rig, Listener, _ client: LinuxIO.Stream) async throws -> Void
    ) async throws {
        try await Rig.run { rig in
            try rig.makeSandbox("a")
            let request = OpenTunnelRequest.with {
                ($0.sandbox, $0.socket, $0.host, $0.port) = ("a", agent(in: rig), "127.0.0.1", 1)
            }
            _ = try await rig.control { try await $0.call(GatewayControl.openTunnel, request) }
            let client = try await LinuxIO.Stream.connect(to: .unix(path: agent(in: rig)), on: rig.loop)
            try await eventually(on: rig.loop) { try await connections(in: rig) == 1 }
            let generations = Generations(controlSocket: rig.options.controlSocket, loop: rig.loop)
            _ = try await generations.takeListeners(hypervisorSocket: rig.options.hypervisorSocket)
            let receiver = try Listener.listen(on: .unix(path: rig.directory.path + "/m.sock"), loop: rig.loop)
            try await body(rig, receiver, client)
        }
    }

    private static func agent(in rig: Rig) -> String { "\(rig.pods)/a/agent.ttrpc" }

    private static func older<Result>(_ rig: Rig, _ body: (Client) async throws -> Result) async throws -> Result {
        let path = SocketAddress.unix(path: rig.options.controlSocket + ".1")
        return try await Client.with(try await LinuxIO.Stream.connect(to: path, on: rig.loop), on: rig.loop, body)
    }

    /// The clients of the tunnel that the older gateway serves; nil without a tunnel.
    private static func connections(in rig: Rig) async throws -> Int? {
        let list = try await older(rig) { try await $0.call(GatewayControl.list, Empty()) }
        return list.tunnels.first.map { Int($0.connections) }
    }

    private static func move(_ rig: Rig, to receiver: Listener) async throws -> MoveTunnelResponse {
        let request = MoveTunnelRequest.with { ($0.sandbox, $0.socket) = ("a", receiver.address.description) }
        return try await older(rig) { try await $0.call(GatewayControl.moveTunnel, request, timeout: .seconds(20)) }
    }

    @Test("is the receiver's from the older process's last byte on, with its socket and its clients")
    func moved() async throws {
        try await Self.run { rig, receiver, client in
            async let answer = Self.move(rig, to: receiver)
            let transfer = TunnelTransfer(connection: try await receiver.accept(), loop: rig.loop)
            let arrival = try await transfer.receive()
            #expect(arrival.header.plan?.sandbox == "a" && arrival.header.hasListener)
            #expect(arrival.connections.map(\.session) == [[]])
            #expect(try await transfer.awaitOwnership())
            #expect(try await answer.isMoved)
            #expect(try await Self.connections(in: rig) == nil)
            // The client's connection is open, because this process has it.
            try await client.write([1])
            #expect(try await arrival.connections[0].stream.read(upTo: 2) == [1])
            #expect(Files.exists(Self.agent(in: rig)))
            for connection in arrival.connections { connection.leave() }
            #expect(try await client.read(upTo: 1).isEmpty)
        }
    }

    @Test(
        "stays where it is when the receiver sends another word, ends, or ends after its word",
        arguments: [[9], [], [1]] as [[UInt8]])
    func refused(word: [UInt8]) async throws {
        try await Self.run { rig, receiver, client in
            async let answer = Self.move(rig, to: receiver)
            do {
                let connection = try await receiver.accept()
                if word == [1] {
                    // The receiver is gone before the older process reads the word.
                    try await connection.write(word)
                } else {
                    _ = try await TunnelTransfer(connection: connection, loop: rig.loop).receive()
                    if !word.isEmpty { try await connection.write(word) }
                }
                connection.close()
            }
            do {
                _ = try await answer
                Issue.record("the tunnel was moved")
            } catch let error as Status {
                #expect(error.code == .internal, "\(error)")
            }
            try await eventually(on: rig.loop) { try await Self.connections(in: rig) == 1 }
            let other = try await LinuxIO.Stream.connect(to: .unix(path: Self.agent(in: rig)), on: rig.loop)
            try await eventually(on: rig.loop) { try await Self.connections(in: rig) == 2 }
            other.close()
            client.close()
            try await eventually(on: rig.loop) { try await Self.connections(in: rig) == 0 }
        }
    }

    @Test("is refused before the listening sockets are, and for a sandbox without a tunnel")
    func order() async throws {
        try await Rig.run { rig in
            let request = MoveTunnelRequest.with { $0.sandbox = "a" }
            let error = try await rig.control { client in
                await #expect(throws: Status.self) { try await client.call(GatewayControl.moveTunnel, request) }
            }
            #expect(error?.code == .failedPrecondition)
        }
        try await Self.run { rig, _, _ in
            let request = MoveTunnelRequest.with { $0.sandbox = "b" }
            let error = try await Self.older(rig) { client in
                await #expect(throws: Status.self) { try await client.call(GatewayControl.moveTunnel, request) }
            }
            #expect(error?.code == .notFound)
        }
    }

    @Test(
        "is refused by the receiver when its bytes are malformed",
        arguments: [
            [0], [0, 0, 0, 0], [0, 0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 0, 2, 0x18, 5], [0, 0, 0, 0, 1, 0xFF],
            // No descriptor comes, although the header has promised one.
            [0, 0, 0, 0, 2, 0x10, 1],
            // More connections than any tunnel has.
            [0, 0, 0, 0, 4, 0x18, 0xFF, 0xFF, 0x03],
        ] as [[UInt8]])
    func malformed(bytes: [UInt8]) async throws {
        try await refuses(bytes) { transfer in _ = try await transfer.receive() }
    }
}
