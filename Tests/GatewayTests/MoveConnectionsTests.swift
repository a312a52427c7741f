import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import Gateway

@Suite("A shim's connection that moves to a newer gateway")
struct MoveConnectionsTests {
    private static func hypervisor(_ rig: Rig) async throws -> LinuxIO.Stream {
        try await LinuxIO.Stream.connect(to: .unix(path: rig.options.hypervisorSocket), on: rig.loop)
    }

    /// A client that keeps its connection, as kata's Rust shim does.
    private static func cachedClient(_ rig: Rig) async throws -> Client {
        let client = Client(try await hypervisor(rig), on: rig.loop)
        rig.pool.start { await client.run() }
        return client
    }

    /// Starts the next gateway of a rig, with an adaptor that answers with its number.
    private static func replace(_ rig: Rig, by number: UInt8, _ slow: Event = Event()) async throws {
        let next = try await Gateway.start(rig.options, on: rig.loop, logger: .silent)
        rig.pool.start { try? await next.run(until: Event()) }
        try await eventually(on: rig.loop) { (try? await rig.status.generation) == Int64(number) }
        _ = try await adaptor(rig, number, slow)
    }

    private static func adaptor(_ rig: Rig, _ number: UInt8, _ slow: Event = Event()) async throws -> TestAdaptor {
        try await TestAdaptor("adaptor-\(number)", in: rig) { call, payload in
            if call.method == "slow" { await slow.wait() }
            return payload + [number]
        }
    }

    private static func isGone(_ generation: UInt8, _ rig: Rig) -> Bool {
        !Files.exists(rig.options.controlSocket + ".\(generation)")
    }

    @Test(
        "is the same for the shim across five gateways, with calls before, during and after each; the earlier ones end")
    func fiveTimes() async throws {
        try await Rig.run { rig in
            _ = try await Self.adaptor(rig, 1)
            let cached = try await Self.cachedClient(rig)
            for number in 2...6 as ClosedRange<UInt8> {
                #expect(try await cached.call("s", "before", [number]) == [number, number - 1])
                try await Self.replace(rig, by: number)
                #expect(try await cached.call("s", "during", [number]).first == number)
                try await eventually(on: rig.loop) { Self.isGone(number - 1, rig) }
                #expect(try await cached.call("s", "after", [number]) == [number, number])
            }
            #expect(!cached.hasEnded)
            cached.close()
        }
    }

    @Test("stays until its calls are answered")
    func inFlight() async throws {
        try await Rig.run { rig in
            let slow = Event()
            _ = try await Self.adaptor(rig, 1, slow)
            let cached = try await Self.cachedClient(rig)
            async let answer = cached.call("s", "slow", [7])
            try await eventually(on: rig.loop) { try await rig.status.forwardedCalls == 1 }
            try await Self.replace(rig, by: 2, slow)
            #expect(try await cached.call("s", "other", [1]).first == 1, "the connection is served meanwhile")
            #expect(!Self.isGone(1, rig))
            slow.set()
            #expect(try await answer.first == 7)
            try await eventually(on: rig.loop) { Self.isGone(1, rig) }
            #expect(try await cached.call("s", "after", []) == [2])
            cached.close()
        }
    }

    @Test("loses no byte of a frame that has partly arrived", arguments: [1, 9, 10, 11, 25])
    func partOfFrame(length: Int) async throws {
        try await Rig.run { rig in
            _ = try await Self.adaptor(rig, 1)
            var bytes: [UInt8] = []
            let request = RequestEnvelope(service: "s", method: "m", payload: Array(repeating: 5, count: 20)).encoded
            Frame(stream: 1, .request, payload: request).encode(into: &bytes)
            let shim = try await Self.hypervisor(rig)
            try await shim.write(bytes[..<length])
            try await Self.replace(rig, by: 2)
            try await eventually(on: rig.loop) { Self.isGone(1, rig) }
            try await shim.write(bytes[length...])
            let header = FrameHeader(try await shim.readExactly(FrameHeader.size))
            #expect(header.kind == .response && header.stream == StreamID(rawValue: 1))
            let response = try await shim.readExactly(header.length)
            #expect(response.suffix(21) == [UInt8](repeating: 5, count: 20) + [2])
            shim.close()
        }
    }

    @Test("stays where it is when the receiver sends another word, or ends", arguments: [[9], []] as [[UInt8]])
    func refused(word: [UInt8]) async throws {
        try await Rig.run { rig in
            _ = try await Self.adaptor(rig, 1)
            let cached = try await Self.cachedClient(rig)
            #expect(try await cached.call("s", "before", []) == [1])
            let generations = Generations(controlSocket: rig.options.controlSocket, loop: rig.loop)
            _ = try await generations.takeListeners(hypervisorSocket: rig.options.hypervisorSocket)
            let receiver = try Listener.listen(on: .unix(path: rig.directory.path + "/m.sock"), loop: rig.loop)

            async let answer = Self.move(rig, to: receiver)
            let connection = try await receiver.accept()
            let clients = try await TunnelTransfer(connection: connection, loop: rig.loop).receiveClients()
            #expect(clients.map(\.received) == [[]])
            for client in clients { client.leave() }
            if !word.isEmpty { try await connection.write(word) }
            connection.close()
            do {
                _ = try await answer
                Issue.record("the connection was moved")
            } catch let error as Status {
                #expect(error.code == .internal, "\(error)")
            }
            // The earlier gateway serves the connection again, so it can give it away now.
            async let second = Self.move(rig, to: receiver)
            let transfer = TunnelTransfer(connection: try await receiver.accept(), loop: rig.loop)
            let taken = try await transfer.receiveClients()
            #expect(try await transfer.awaitOwnership())
            let response = try await second
            #expect(response.moved == 1 && response.kept == 0)
            #expect(!cached.hasEnded)
            for client in taken { client.leave() }
            cached.close()
        }
    }

    private static func move(_ rig: Rig, to receiver: Listener) async throws -> MoveConnectionsResponse {
        let path = SocketAddress.unix(path: rig.options.controlSocket + ".1")
        let request = MoveConnectionsRequest.with { $0.socket = receiver.address.description }
        return try await Client.with(try await LinuxIO.Stream.connect(to: path, on: rig.loop), on: rig.loop) {
            try await $0.call(GatewayControl.moveConnections, request, timeout: .seconds(20))
        }
    }

    @Test(
        "is refused by the receiver when the bytes are malformed",
        arguments: [
            [0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0, 0, 0, 2, 0x08, 1], [0, 0, 0, 1, 0xFF],
            // More connections than any gateway has, and fewer than none.
            [0, 0, 0, 4, 0x08, 0xFF, 0xFF, 0x03],
            [0, 0, 0, 11, 0x08, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01],
            // A connection without a descriptor.
            [0, 0, 0, 2, 0x08, 1, 0, 0, 0, 0, 0],
        ] as [[UInt8]])
    func malformed(bytes: [UInt8]) async throws {
        try await refuses(bytes) { transfer in _ = try await transfer.receiveClients() }
    }

    @Test("is not given away before the listening sockets are")
    func order() async throws {
        try await Rig.run { rig in
            let request = MoveConnectionsRequest.with { $0.socket = "/x" }
            let error = try await rig.control { client in
                await #expect(throws: Status.self) { try await client.call(GatewayControl.moveConnections, request) }
            }
            #expect(error?.code == .failedPrecondition)
        }
    }
}
