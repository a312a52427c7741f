import LinuxIO
import TLS
import TestSupport
import Testing

@testable import AgentTunnel

@Suite("Tunnels")
struct TunnelTests {
    @Test("bytes arrive unchanged at the other end, in both directions", arguments: [true, false])
    func echo(isEncrypted: Bool) async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.isEncrypted = isEncrypted
            try await TestTunnel.with(options, on: loop) { tunnel in
                let client = try await tunnel.connect()
                for length in [1, 10, 5000] {
                    try await client.write([UInt8](repeating: 9, count: length))
                    #expect(try await client.readExactly(length).count == length)
                }
            }
        }
    }

    @Test("16 MiB of random bytes arrive unchanged, in both directions at once", arguments: [true, false])
    func bulk(isEncrypted: Bool) async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.isEncrypted = isEncrypted
            try await TestTunnel.with(options, on: loop) { tunnel in
                let client = try await tunnel.connect()
                let size = 16 << 20
                async let sent = send(size, to: client)
                var received = Checksum()
                while received.count < size { received.add(try await client.readExactly(256 << 10)) }
                #expect(try await sent == received)
                client.shutdownWriting()
                #expect(try await client.read(upTo: 1) == [])
            }
        }
    }

    @Test("a half-close is relayed in both directions, and the other direction stays open")
    func halfClose() async throws {
        try await onLoop { loop in
            try await TestTunnel.with(
                on: loop,
                agent: { stream in
                    // Answers only once the request has ended, as a peer does that reads all first.
                    let request = try await stream.readToEnd()
                    try await stream.write(request + [0xFF])
                    stream.shutdownWriting()
                }
            ) { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1, 2])
                client.shutdownWriting()
                #expect(try await client.readToEnd() == [1, 2, 0xFF])
            }
        }
    }

    @Test("when the agent ends its direction first, the client learns it and can still write")
    func agentEndsFirst() async throws {
        try await onLoop { loop in
            let got = Lock<[UInt8]>([])
            try await TestTunnel.with(
                on: loop,
                agent: { stream in
                    let first = try await stream.readExactly(1)
                    stream.shutdownWriting()
                    let rest = try await stream.readToEnd()
                    got.withLock { $0 = first + rest }
                }
            ) { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1])
                #expect(try await client.readToEnd() == [])
                try await client.write([2, 3])
                client.shutdownWriting()
                try await eventually(on: loop) { got.withLock { $0 == [1, 2, 3] } }
            }
        }
    }

    @Test("an agent that dies ends its connection, and the next one dials again")
    func agentDies() async throws {
        try await onLoop { loop in
            try await TestTunnel.with(on: loop, agent: { stream in _ = try await stream.readExactly(1) }) { tunnel in
                for _ in 0..<3 {
                    let client = try await tunnel.connect()
                    try await client.write([1])
                    #expect(try await client.readToEnd() == [])
                    client.close()
                }
            }
        }
    }

    @Test("the agent learns that its client has closed the connection")
    func clientHangsUp() async throws {
        try await onLoop { loop in
            let ended = Event()
            try await TestTunnel.with(
                on: loop,
                agent: { stream in
                    _ = try await stream.readToEnd()
                    ended.set()
                }
            ) { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1])
                client.close()
                await ended.wait()
                #expect(ended.isSet)
            }
        }
    }

    @Test("a reader that does not read stops the writer, and memory does not grow meanwhile")
    func backPressure() async throws {
        try await onLoop { loop in
            try await TestTunnel.with(
                on: loop, agent: { stream in try await stream.loop.sleep(for: .seconds(60)) }
            ) { tunnel in
                let client = try await tunnel.connect()
                let written = Lock(0)
                await #expect(throws: DeadlineExceeded.self) {
                    try await withDeadline(.now + .milliseconds(300), on: loop) {
                        let chunk = [UInt8](repeating: 7, count: 64 << 10)
                        while true {
                            try await client.write(chunk)
                            written.withLock { $0 += chunk.count }
                        }
                    }
                }
                // Unread bytes are in the sockets, whose buffers may grow to a few MiB, or in this process.
                #expect(written.withLock { $0 } < 24 << 20)
                #expect(BufferPool.shared.largeBlocksLent <= BufferPool.largeLimit)
            }
        }
    }

    @Test("a connection's filter changes the bytes to the agent, and not the bytes from the agent")
    func filter() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.filter = { Doubling() }
            try await TestTunnel.with(options, on: loop) { tunnel in
                let client = try await tunnel.connect()
                try await client.write([1, 2, 3])
                #expect(try await client.readExactly(6) == [1, 1, 2, 2, 3, 3])
            }
        }
    }

    @Test("a filter that refuses ends only its own connection")
    func refusingFilter() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.filter = { Refusing() }
            try await TestTunnel.with(options, on: loop) { tunnel in
                let (one, other) = (try await tunnel.connect(), try await tunnel.connect())
                try await one.write([0xEE])
                #expect(try await one.readToEnd() == [])
                try await other.write([1])
                #expect(try await other.readExactly(1) == [1])
            }
        }
    }

    @Test("many clients that connect at once do not lose their connections to each other")
    func crowd() async throws {
        try await onLoop { loop in
            var options = TestTunnel.Options()
            options.guest.handshakes = 40
            try await TestTunnel.with(options, on: loop) { tunnel in
                try await withThrowingTaskGroup(of: [UInt8].self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            let client = try await tunnel.connect()
                            try await client.write([UInt8(number)])
                            return try await client.readExactly(1)
                        }
                    }
                    var answers: [UInt8] = []
                    for try await answer in group { answers += answer }
                    #expect(answers.sorted() == (0..<200).map { UInt8($0) })
                }
            }
        }
    }

    @Test("connections that wait hold no buffers")
    func idleBuffers() async throws {
        try await onLoop { loop in
            try await TestTunnel.with(on: loop) { tunnel in
                var clients: [Stream] = []
                for _ in 0..<40 {
                    let client = try await tunnel.connect()
                    try await client.write([1])
                    #expect(try await client.readExactly(1) == [1])
                    clients.append(client)
                }
                // Other tests borrow for moments.
                try await eventually(on: loop) { BufferPool.shared.largeBlocksLent == 0 }
            }
        }
    }

    @Test("no descriptor is left once the tunnel has ended")
    func descriptors() async throws {
        try await onLoop { loop in
            let before = SystemInfo.openDescriptors
            try await TestTunnel.with(on: loop) { tunnel in
                for _ in 0..<20 {
                    let client = try await tunnel.connect()
                    try await client.write([1])
                    _ = try await client.readExactly(1)
                }
            }
            // Other tests run beside this one; a leak here would be several descriptors for each connection, permanently.
            try await eventually(on: loop) { SystemInfo.openDescriptors < before + 60 }
        }
    }

    private func send(_ size: Int, to client: Stream) async throws -> Checksum {
        let chunk = randomBytes(1 << 20, seed: .random(in: 0 ... .max))
        var sum = Checksum()
        var offset = 0
        while sum.count < size {
            // A different rotation each time, so that swapped chunks are noticed.
            let part = Array(chunk[offset...] + chunk[..<offset])
            try await client.write(part)
            sum.add(part)
            offset = (offset + 4099) % chunk.count
        }
        return sum
    }
}

private struct Doubling: StreamFilter {
    mutating func process(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> FilterVerdict {
        unsafe bytes.forEach { output += [$0, $0] }
        return .replaced
    }
}

private struct Refusing: StreamFilter {
    mutating func process(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) throws -> FilterVerdict {
        if unsafe bytes.contains(0xEE) { throw TLSError(.failed, "not this byte") }
        return .unchanged
    }
}
