import Glibc
import LinuxIO
import TLS
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("The core of a session")
struct SessionCoreTests {
    /// A socket that keeps the bounds of writes, so that each read returns what one write had.
    private static func recordPair(on loop: EpollLoop) throws -> (LinuxIO.Stream, LinuxIO.Stream) {
        var numbers: [CInt] = [-1, -1]
        guard unsafe socketpair(AF_UNIX, CInt(SOCK_SEQPACKET.rawValue), 0, &numbers) == 0 else {
            throw SystemCallError(call: "socketpair", errno: errno, subject: "SOCK_SEQPACKET")
        }
        return (
            try LinuxIO.Stream(OwnedFD(owning: numbers[0]), on: loop),
            try LinuxIO.Stream(OwnedFD(owning: numbers[1]), on: loop)
        )
    }

    private static func frame(_ payload: [UInt8]) -> [UInt8] {
        unsafe SessionFrame(.data, value: payload.count, consumed: 0).withBytes { unsafe Array($0) } + payload
    }

    /// Runs `body` with a core whose connection's other end is the given stream, and with the client of its near socket.
    private func withCore(
        _ body:
            @escaping @Sendable (inout SessionCore, _ peer: TLSStream, _ client: LinuxIO.Stream) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let identity = try SandboxIdentity.make(vmName: "podvm-a")
            let (here, there) = try LinuxIO.Stream.pair(on: loop)
            async let connected = TLSStream.connect(
                over: here, context: identity.clientContext(), serverName: "podvm-a")
            let peer = try await TLSStream.accept(over: there, context: identity.serverContext())
            let (near, client) = try Self.recordPair(on: loop)
            var core = SessionCore(near: near, nearFailure: .clientClosed, filter: nil, responder: nil)
            core.link = SessionCore.Link(stream: try await connected)
            try await body(&core, peer, client)
            for stream in [near, client] { stream.close() }
            peer.close()
            core.link?.stream.close()
        }
    }

    @Test("passes the payloads of all frames that have arrived on with one write")
    func oneWrite() async throws {
        try await withCore { core, peer, client in
            try await peer.write(Self.frame([1, 2]) + Self.frame([3]) + Self.frame([4, 5, 6]))
            try await core.link?.stream.wait(for: .reading)
            try core.receive()
            #expect(try await client.read(upTo: 100) == [1, 2, 3, 4, 5, 6])
            #expect(core.state.incoming.consumed == 6)
        }
    }

    @Test("passes on the bytes before a message that ends the session or the connection", arguments: [true, false])
    func beforeAnEnd(isFault: Bool) async throws {
        try await withCore { core, peer, client in
            let cut = [UInt8](Self.frame([9, 9, 9, 9]).dropLast(2))
            try await peer.write(Self.frame([1, 2]) + (isFault ? [UInt8](repeating: 0xFF, count: 12) : cut))
            if !isFault { try await peer.finishWriting() }
            try await core.link?.stream.wait(for: .reading)
            #expect(throws: (any Error).self) { while true { try core.receive() } }
            #expect(try await client.read(upTo: 100) == (isFault ? [1, 2] : [1, 2, 9, 9]))
            // A peer that connects again sends the rest.
            #expect(core.state.incoming.received == (isFault ? 2 : 4))
        }
    }

    @Test("reads a health check into a small rest of the window while the session is suspended, and not otherwise")
    func smallRest() async throws {
        try await onLoop { loop in
            let (near, client) = try LinuxIO.Stream.pair(on: loop)
            var core = SessionCore(near: near, nearFailure: .clientClosed, filter: nil, responder: nil)
            try await alongside({ try await client.write([UInt8](repeating: 7, count: 200 << 10)) }) {
                while core.state.outgoing.written < 200 << 10 {
                    if try core.fill() == nil { try await near.wait(for: .reading) }
                }
            }
            #expect(!core.mayFill)
            core.suspend()
            #expect(core.mayFill)
            core.endSuspension()
            #expect(!core.mayFill)
        }
    }
}
