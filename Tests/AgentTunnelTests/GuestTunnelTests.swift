import LinuxIO
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("The VM's end")
struct GuestTunnelTests {
    @Test("the connection waits for an agent that is still starting, and the agent gets every byte sent meanwhile")
    func lateAgent() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.hasAgent = false
            try await TestTunnel.with(options, on: loop) { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1, 2])
                try await loop.sleep(for: .milliseconds(40))
                try await client.write([3])
                try await alongside({ try await tunnel.serveAgent(TestTunnel.echo) }) {
                    let echoed = try await client.readExactly(3)
                    #expect(echoed == [1, 2, 3])
                }
            }
        }
    }

    @Test("an agent that never starts ends the connection after the time limit, and does not block other clients")
    func noAgent() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.hasAgent = false
            options.guest.agentStart = .milliseconds(60)
            try await TestTunnel.with(options, on: loop) { tunnel in
                let (one, other) = (try await tunnel.connect(), try await tunnel.connect())
                try await one.write([1])
                try await other.write([1])
                #expect(try await one.readToEnd() == [])
                #expect(try await other.readToEnd() == [])
            }
        }
    }

    @Test("after the client has closed its connection, the agent is not dialed any more")
    func hangUpWhileDialing() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.hasAgent = false
            options.guest.connections = 1
            try await TestTunnel.with(options, on: loop) { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1])
                try await loop.sleep(for: .milliseconds(20))
                client.close()
                try await alongside({ try await tunnel.serveAgent(TestTunnel.echo) }) {
                    // The only place is free again long before the 150 seconds that an agent gets.
                    while true {
                        let next = try await tunnel.connect()
                        try await next.write([1])
                        if let answer = try? await next.readExactly(1), answer == [1] { break }
                    }
                }
            }
        }
    }

    @Test("a client that never finishes the handshake loses its connection")
    func silentStranger() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.guest.handshake = .milliseconds(30)
            try await TestTunnel.with(options, on: loop) { tunnel in
                let stranger = try await Stream.connect(to: tunnel.forwarder, on: loop)
                #expect(try await stranger.readToEnd() == [])
            }
        }
    }

    @Test("bytes without TLS are refused at the TLS port, and other clients are served")
    func plainBytes() async throws {
        try await onLoop { loop in
            try await TestTunnel.with(on: loop) { tunnel in
                for bytes in [Array("GET / HTTP/1.1\r\n\r\n".utf8), [0, 0, 0, 5, 0, 0, 0, 1, 1, 0, 1, 2, 3, 4, 5]] {
                    let stranger = try await Stream.connect(to: tunnel.forwarder, on: loop)
                    try await stranger.write(bytes)
                    // An alert, then the end (or a reset, with bytes still unread).
                    let answer = (try? await stranger.readToEnd()) ?? []
                    #expect(answer.count < 64)
                }
                try await serves(tunnel)
            }
        }
    }

    @Test("any number of unknown clients, slow or silent, does not prevent the node's connection")
    func manyStrangers() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.guest.handshakes = 8
            options.guest.grace = .zero
            try await TestTunnel.with(options, on: loop) { tunnel in
                var pendingHandshakes: [Stream] = []
                for _ in 0..<100 {
                    let stranger = try await Stream.connect(to: tunnel.forwarder, on: loop)
                    // The start of a handshake that never goes on.
                    try? await stranger.write([22, 3, 1, 2, 0])
                    pendingHandshakes.append(stranger)
                }
                try await serves(tunnel)
                // All but the youngest have been dropped.
                for stranger in pendingHandshakes.dropLast(8) {
                    #expect(await outcome { try await stranger.readToEnd() }.bytes?.isEmpty != false)
                }
            }
        }
    }

    @Test("a thousand idle connections hold no buffers, and others are served")
    func idleConnections() async throws {
        SystemInfo.raiseDescriptorLimit()
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.isEncrypted = false
            try await TestTunnel.with(options, on: loop) { tunnel in
                var idle: [Stream] = []
                for _ in 0..<1000 { idle.append(try await Stream.connect(to: tunnel.forwarder, on: loop)) }
                try await serves(tunnel)
                #expect(BufferPool.shared.largeBlocksLent <= BufferPool.largeLimit)
                idle.removeAll()
            }
        }
    }

    @Test("connections beyond the limit are closed, and the others go on")
    func tooMany() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.guest.connections = 2
            try await TestTunnel.with(options, on: loop) { tunnel in
                let (one, two) = (try await tunnel.connect(), try await tunnel.connect())
                for client in [one, two] {
                    try await client.write([1])
                    #expect(try await client.readExactly(1) == [1])
                }
                let three = try await Stream.connect(to: tunnel.forwarder, on: loop)
                #expect(try await three.readToEnd() == [])
                try await one.write([2])
                #expect(try await one.readExactly(1) == [2])
            }
        }
    }

    private func serves(_ tunnel: TestTunnel) async throws {
        let client = try await tunnel.connect()
        try await client.write([1, 2, 3])
        #expect(try await client.readExactly(3) == [1, 2, 3])
    }
}

extension Result where Success == [UInt8] {
    fileprivate var bytes: [UInt8]? { try? get() }
}
