import LinuxIO
import TestSupport
import Testing

@testable import TLS

@Suite("TLS streams")
struct TLSStreamTests {
    private let client: TLSContext
    private let server: TLSContext

    init() throws {
        let identity = try TestIdentity.make(name: "podvm-a")
        client = try identity.clientContext()
        server = try identity.serverContext()
    }

    @Test("close_notify ends one direction and leaves the other open")
    func halfClose() async throws {
        try await onLoop { [client, server] loop in
            let ends = try await Handshake.run(client, server, on: loop).ends()
            try await ends.client.write([1])
            try await ends.client.finishWriting()
            #expect(try await ends.server.readToEnd() == [1])
            try await ends.server.write([2, 3])
            try await ends.server.finishWriting()
            #expect(try await ends.client.readToEnd() == [2, 3])
        }
    }

    @Test("one read processes no more records than one turn allows")
    func tinyRecords() async throws {
        try await onLoop { [client, server] loop in
            let (client, server) = try await Handshake.run(client, server, on: loop).ends()
            for _ in 0..<RecordFloodDetector.recordsPerTurn + 10 { try await server.write([7]) }
            var counts: [Int] = []
            while counts.reduce(0, +) < RecordFloodDetector.recordsPerTurn + 10 {
                counts.append(try await client.read(upTo: 64 << 10).count)
            }
            #expect(counts.max() ?? 0 <= RecordFloodDetector.recordsPerTurn)
            #expect(counts.count > 1)
        }
    }

    @Test("an end without close_notify gives an error, after the bytes before it")
    func truncation() async throws {
        try await onLoop { [client, server] loop in
            let ends = try await Handshake.run(client, server, on: loop).ends()
            try await ends.server.write([1])
            ends.server.close()
            #expect(try await ends.client.readExactly(1) == [1])
            let error = await #expect(throws: TLSError.self) { try await ends.client.readToEnd() }
            #expect(error?.code == .connectionLost)
        }
    }

    @Test(
        "more bytes than the socket's buffer holds are written completely, and the other direction continues",
        arguments: [1, 100, 1 << 20])
    func bulk(chunk: Int) async throws {
        try await onLoop { [client, server] loop in
            let ends = try await Handshake.run(client, server, on: loop).ends()
            let size = chunk == 1 << 20 ? chunk + 1 : chunk * 1500
            let sent = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (one, other) in [(ends.client, ends.server), (ends.server, ends.client)] {
                    group.addTask {
                        for start in stride(from: 0, to: size, by: max(chunk, 1)) {
                            try await one.write(sent[start..<min(start + chunk, size)])
                        }
                        try await one.finishWriting()
                    }
                    group.addTask {
                        let received = try await other.readToEnd()
                        #expect(received == sent)
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a reader that does not read stops the writer")
    func backPressure() async throws {
        try await onLoop { [client, server] loop in
            let ends = try await Handshake.run(client, server, on: loop).ends()
            let written = Counter()
            await #expect(throws: DeadlineExceeded.self) {
                try await withDeadline(.now + .milliseconds(100), on: loop) {
                    let chunk = [UInt8](repeating: 7, count: 64 << 10)
                    while true {
                        try await ends.client.write(chunk)
                        written.add(chunk.count)
                    }
                }
            }
            #expect(written.value < 4 << 20)
        }
    }

    @Test("closing wakes the waiting task")
    func closing() async throws {
        try await onLoop { [client, server] loop in
            let ends = try await Handshake.run(client, server, on: loop).ends()
            async let read = outcome { try await ends.client.read(upTo: 1) }
            try await loop.sleep(for: .milliseconds(5))
            ends.client.close()
            guard case .failure(let error) = await read else { return #expect(Bool(false), "the read went on") }
            #expect(error is StreamClosed)
        }
    }
}

/// A number that tasks add to.
final class Counter: Sendable {
    private let total = Lock(0)

    var value: Int { total.withLock { $0 } }

    func add(_ count: Int) { total.withLock { total in total += count } }
}
