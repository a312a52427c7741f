import TestSupport
import Testing

@testable import LinuxIO

@Suite("Turns on a loop")
struct TurnTests {
    @Test("a stream with more bytes than one turn allows gives no more before other tasks have run")
    func readingTurn() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let reads = Turn.byteLimit / Turn.readCost
            try await far.write([UInt8](repeating: 7, count: reads + 1))
            try await near.wait(for: .reading)
            var count = 0
            while try Self.readByte(near) != nil { count += 1 }
            #expect(count == reads)

            // The rest comes without a new edge, but after what was ready.
            let others = Lock(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { others.withLock { $0 += 1 } }
                try await near.wait(for: .reading)
                #expect(others.withLock { $0 } == 1)
                try await group.waitForAll()
            }
            #expect(try Self.readByte(near) == 1)
        }
    }

    @Test("a reader that waits for its turn gets an error when its stream is closed")
    func closedBetweenTurns() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            try await far.write([UInt8](repeating: 7, count: 4096))
            try await near.wait(for: .reading)
            while try Self.readByte(near) != nil {}
            await #expect(throws: StreamClosed.self) {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { near.close() }
                    try await near.wait(for: .reading)
                }
            }
        }
    }

    @Test("many new connections do not keep other tasks from running")
    func acceptingTurn() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let address = SocketAddress.unix(path: directory.path + "/socket")
            let listener = try Listener.listen(on: address, loop: loop)
            defer { listener.close() }
            var crowd: [Stream] = []
            for _ in 0..<64 { crowd.append(try await Stream.connect(to: address, on: loop)) }
            let accepted = Lock(0)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for _ in 0..<64 {
                        _ = try await listener.accept()
                        accepted.withLock { $0 += 1 }
                    }
                }
                var longest = 0
                var seen = 0
                while seen < 64 {
                    await loop.yield()
                    let now = accepted.withLock { $0 }
                    longest = max(longest, now - seen)
                    seen = now
                }
                #expect(longest <= 17)
                try await group.waitForAll()
            }
        }
    }

    @Test("descriptors are polled between two busy jobs, not only after eight")
    func polling() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let turns = Lock(0)
            let isRead = Lock(false)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    _ = try await near.read(upTo: 1)
                    isRead.withLock { $0 = true }
                }
                await loop.yield()
                try await far.write([1])
                while !isRead.withLock({ $0 }) {
                    turns.withLock { $0 += 1 }
                    let end = ContinuousClock.now + .milliseconds(2)
                    while ContinuousClock.now < end {}
                    await loop.yield()
                }
                try await group.waitForAll()
            }
            #expect(turns.withLock { $0 } <= 2)
        }
    }

    private static func readByte(_ stream: Stream) throws -> Int? {
        var byte: UInt8 = 0
        return try unsafe withUnsafeMutableBytes(of: &byte) { unsafe try stream.tryRead(into: $0) }
    }
}
