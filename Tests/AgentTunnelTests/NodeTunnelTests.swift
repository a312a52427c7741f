import LinuxIO
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("The node's end")
struct NodeTunnelTests {
    @Test("the first client gets the connection that was kept ready")
    func spare() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.isPreconnected = true
            options.guest.connections = 1  // A second connection would be refused.
            try await TestTunnel.with(options, on: loop) { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1])
                #expect(try await client.readExactly(1) == [1])
            }
        }
    }

    @Test("a ready connection that has closed meanwhile is replaced, and the client gets no error")
    func deadSpare() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let forwarder = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let socket = try Listener.listen(on: directory.socket("agent.ttrpc"), loop: loop)
            let dialer = Dialer(to: forwarder.address, security: nil, on: loop)
            let spare = try await dialer.connect(deadline: .now + .seconds(5))
            try await forwarder.accept().close()
            try await loop.sleep(for: .milliseconds(5))
            let node = NodeTunnel(socket, to: dialer, preconnected: spare, on: loop)
            try await alongside({ try await node.run() }) {
                let client = try await Stream.connect(to: socket.address, on: loop)
                try await client.write([1])
                let far = try await forwarder.accept()
                #expect(try await far.readExactly(1) == [1])
            }
        }
    }

    @Test("a client has no connection to the VM until it sends its first byte")
    func silentClient() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let forwarder = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let socket = try Listener.listen(on: directory.socket("agent.ttrpc"), loop: loop)
            let node = NodeTunnel(socket, to: Dialer(to: forwarder.address, security: nil, on: loop), on: loop)
            try await alongside({ try await node.run() }) {
                let silent = try await Stream.connect(to: socket.address, on: loop)
                let speaking = try await Stream.connect(to: socket.address, on: loop)
                for (client, byte) in [(speaking, 2), (silent, 1)] as [(Stream, UInt8)] {
                    try await client.write([byte])
                    let far = try await forwarder.accept()
                    #expect(try await far.readExactly(1) == [byte])
                }
            }
        }
    }

    @Test("a client that ends without a byte is no longer connected, and causes no connection to the VM")
    func silentEnd() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let socket = try Listener.listen(on: directory.socket("agent.ttrpc"), loop: loop)
            let node = NodeTunnel(socket, to: Dialer(to: try freeAddress(on: loop), security: nil, on: loop), on: loop)
            try await alongside({ try await node.run() }) {
                let client = try await Stream.connect(to: socket.address, on: loop)
                try await eventually(on: loop) { node.connections == 1 }
                client.close()
                // Dialing would take 30 seconds.
                try await eventually(on: loop, within: .seconds(10)) { node.connections == 0 }
            }
        }
    }

    @Test("when the path to the VM breaks the client's connection closes, and the next one dials again")
    func connectionDies() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let forwarder = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let socket = try Listener.listen(on: directory.socket("agent.ttrpc"), loop: loop)
            let node = NodeTunnel(socket, to: Dialer(to: forwarder.address, security: nil, on: loop), on: loop)
            try await alongside({ try await node.run() }) {
                for _ in 0..<3 {
                    let client = try await Stream.connect(to: socket.address, on: loop)
                    try await client.write([1])
                    let far = try await forwarder.accept()
                    #expect(try await far.readExactly(1) == [1])
                    far.close()
                    #expect(try await client.readToEnd() == [])
                }
            }
        }
    }

    @Test("when the VM cannot be reached, only its client loses the connection")
    func unreachable() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let socket = try Listener.listen(on: directory.socket("agent.ttrpc"), loop: loop)
            var limits = NodeTunnel.Limits()
            limits.dialing = .milliseconds(30)
            let dialer = Dialer(to: try freeAddress(on: loop), security: nil, on: loop)
            let node = NodeTunnel(socket, to: dialer, limits: limits, on: loop)
            try await alongside({ try await node.run() }) {
                let client = try await Stream.connect(to: socket.address, on: loop)
                try await client.write([1])
                // An end, or a reset, as its byte was never read.
                #expect(((try? await client.readToEnd()) ?? []) == [])
            }
        }
    }

    @Test(
        "clients that connect one after the other find a ready connection; a single client causes no second connection")
    func preconnector() async throws {
        try await onLoop { loop in
            try await withForwarder(on: loop) { socket, node, accepted in
                func talk() async throws {
                    let client = try await Stream.connect(to: socket, on: loop)
                    try await client.write([1])
                    #expect(try await client.readExactly(1) == [1])
                    client.close()
                }
                try await talk()
                try await loop.sleep(for: .milliseconds(30))
                #expect(accepted.withLock { $0 } == 1)
                for round in 2...5 {
                    try await talk()
                    // Its own, or the one that was ready; and the next, which the next client finds ready.
                    try await eventually(on: loop) {
                        node.preconnector.readyCount == 1 && accepted.withLock { $0 } == round + 1
                    }
                }
                try await loop.sleep(for: .milliseconds(30))
                #expect(accepted.withLock { $0 } == 6)
            }
        }
    }

    @Test("a ready connection that no client takes is closed")
    func unusedSpare() async throws {
        try await onLoop { loop in
            var limits = NodeTunnel.Limits()
            limits.preconnectedIdle = .milliseconds(200)
            let ended = Lock(0)
            try await withForwarder(limits, on: loop, noting: ended) { socket, _, accepted in
                for _ in 0..<2 {
                    let client = try await Stream.connect(to: socket, on: loop)
                    try await client.write([1])
                    #expect(try await client.readExactly(1) == [1])
                    client.close()
                }
                // The two that were used, and the one that was made ready.
                while ended.withLock({ $0 }) < 3 { try await loop.sleep(for: .milliseconds(5)) }
                #expect(accepted.withLock { $0 } == 3)
            }
        }
    }

    /// Runs a node's end before a forwarder that echoes, in the clear, and counts connections accepted and ended.
    private func withForwarder(
        _ limits: NodeTunnel.Limits = NodeTunnel.Limits(), on loop: EpollLoop, noting ended: Lock<Int> = Lock(0),
        _ body: @escaping @Sendable (SocketAddress, NodeTunnel, Lock<Int>) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let forwarder = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
        let accepted = Lock(0)
        let node = NodeTunnel(
            try Listener.listen(on: directory.socket("agent.ttrpc"), loop: loop),
            to: Dialer(to: forwarder.address, security: nil, on: loop), limits: limits, on: loop)
        try await alongside({ try await node.run() }) {
            try await alongside({
                try await withThrowingDiscardingTaskGroup { group in
                    while true {
                        let stream = try await forwarder.accept()
                        accepted.withLock { $0 += 1 }
                        group.addTask {
                            try? await TestTunnel.echo(stream)
                            stream.close()
                            ended.withLock { $0 += 1 }
                        }
                    }
                }
            }) { try await body(directory.socket("agent.ttrpc"), node, accepted) }
        }
    }
}
