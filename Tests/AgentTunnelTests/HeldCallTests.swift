import LinuxIO
import TestSupport
import Testing

@testable import AgentTunnel

/// Holds each message until it is complete. A message is its length in four bytes, and content.
private struct HoldingFilter: StreamFilter {
    private var message: [UInt8] = []

    var heldBack: Int { message.count }

    mutating func process(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> FilterVerdict {
        unsafe message.append(contentsOf: bytes)
        while message.count >= 4 {
            let size = 4 + message.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            if message.count < size { break }
            output += message.prefix(size)
            message.removeFirst(size)
        }
        return .replaced
    }

    static func message(_ size: Int) -> [UInt8] {
        let length = UInt32(size).bigEndian
        return unsafe withUnsafeBytes(of: length) { unsafe Array($0) }
            + (0..<size).map { UInt8(truncatingIfNeeded: $0 * 7) }
    }
}

extension SessionJournalTests {
    /// Passes `count` bytes on to `agent`, and returns them.
    private static func deliver(
        _ count: Int, of process: inout Process, to agent: LinuxIO.Stream
    ) async throws -> [UInt8] {
        var received: [UInt8] = []
        while received.count < count {
            try process.core.drain()
            received += try await agent.read(upTo: 1 << 20)
        }
        try process.core.drain()
        return received
    }

    @Test("a process that ends while its filter holds a call, however large, leaves the call to the next one")
    func heldCalls() async throws {
        try await onLoop { loop in
            let (near, agent) = try LinuxIO.Stream.pair(on: loop)
            let store = Store()
            var process = try begin(store, near, filter: HoldingFilter())
            var random = SplitMix(seed: 13)
            let sizes = [0, 1, 4091, 4092, 4093, 200_000, 3, 600_000, 70_000, 5]
            let sent = sizes.flatMap(HoldingFilter.message)
            let ends = sizes.indices.map { index in sizes[...index].reduce(0) { $0 + $1 + 4 } }
            var (given, received): (Int, [UInt8]) = (0, [])
            while received.count < sent.count {
                let count = min(Int.random(in: 1...60_000, using: &random), sent.count - given)
                if count > 0 { try process.pass(Array(sent[given..<given + count])) }
                given += count
                let complete = ends.last { $0 <= given } ?? 0
                received += try await Self.deliver(complete - received.count, of: &process, to: agent)
                if Int.random(in: 0..<3, using: &random) == 0 {
                    _ = try? process.near.release()
                    let (successor, recovery) = try next(store, filter: HoldingFilter(), on: loop)
                    process = successor
                    #expect(recovery.state.incoming.received == UInt64(given))
                }
            }
            let isEqual = received == sent
            #expect(isEqual, "\(received.count) of \(sent.count)")
        }
    }

    @Test("the memory of a held call is freed when the call is passed on, also by the next process")
    func heldMemory() async throws {
        try await onLoop { loop in
            let (near, agent) = try LinuxIO.Stream.pair(on: loop)
            let store = Store()
            var process = try begin(store, near, filter: HoldingFilter())
            let call = HoldingFilter.message(1 << 20)
            let before = store.memory(of: "session-1.state")
            for round in 0..<8 {
                try process.pass(Array(call.dropLast(100)))
                let held = store.memory(of: "session-1.state") - before
                #expect((1 << 20...(1 << 20) + 16384).contains(held), "\(held) bytes in round \(round)")
                if round % 2 == 1 {
                    _ = try? process.near.release()
                    process = try next(store, filter: HoldingFilter(), on: loop).0
                }
                try process.pass(Array(call.suffix(100)))
                #expect(try await Self.deliver(call.count, of: &process, to: agent) == call)
                let left = store.memory(of: "session-1.state") - before
                #expect(left <= 8192, "\(left) bytes after round \(round)")
            }
        }
    }

    @Test("held calls of all sessions have a limit; a call above it is served, and only a crash ends its session")
    func heldLimit() async throws {
        try await onLoop { loop in
            let room = JournalRoom(limit: 3 << 20)
            let call = HoldingFilter.message(2 << 20)
            let stores = [Store(), Store()]
            let pairs = try stores.map { _ in try LinuxIO.Stream.pair(on: loop) }
            var processes = try zip(stores, pairs).map {
                try begin($0, $1.0, filter: HoldingFilter(), room: room)
            }
            func passAllButOne(_ process: inout Process) throws {
                for start in stride(from: 0, to: call.count - 1, by: 1 << 16) {
                    try process.pass(Array(call[start..<min(start + 1 << 16, call.count - 1)]))
                }
            }
            for index in 0...1 { try passAllButOne(&processes[index]) }
            #expect(stores[1].memory(of: "session-1.state") < 2 << 20)
            #expect(try next(stores[0], filter: HoldingFilter(), on: loop).1.held.count == call.count - 1)
            try processes[1].pass([call[call.count - 1]])
            #expect(try await Self.deliver(call.count, of: &processes[1], to: pairs[1].1) == call)
            try passAllButOne(&processes[1])
            #expect(throws: SessionFault.unfinishedCall) {
                _ = try next(stores[1], filter: HoldingFilter(), on: loop)
            }
        }
    }

    @Test("held bytes that the file does not have, or that the filter does not hold, end the session")
    func hostileHeldBytes() async throws {
        try await onLoop { loop in
            let held = [UInt64](arrayLiteral: 1, 4, 99, 100, 101, 8 << 20, 8 << 20 + 1, 1 << 40, .max)
            for count in held {
                let (near, far) = try LinuxIO.Stream.pair(on: loop)
                defer { far.close() }
                let store = Store()
                var process = try begin(store, near, filter: HoldingFilter())
                try process.pass(Array(HoldingFilter.message(200).prefix(100)))
                // The words of both slots.
                for word in [16 + 28, 48 + 28] {
                    try unsafe withUnsafeBytes(of: count) {
                        unsafe try store.write($0, to: "session-1.state", at: 8 * word)
                    }
                }
                let result = Result { try next(store, filter: HoldingFilter(), on: loop) }
                switch result {
                case .success: #expect(count <= 100)
                case .failure(let error): #expect(error is SessionFault && count > 100, "\(error)")
                }
            }
        }
    }
}
