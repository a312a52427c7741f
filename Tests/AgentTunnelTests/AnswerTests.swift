import LinuxIO
import TestSupport
import Testing

@testable import AgentTunnel

/// The ends of messages of one byte with a length, and so many bytes.
struct ShortMessages: MessageBoundary {
    private var left = 0

    var bytesLeft: Int { left }

    mutating func follow(_ bytes: UnsafeRawBufferPointer) {
        for index in bytes.indices { left = unsafe left == 0 ? Int(bytes[index]) : left - 1 }
    }

    var checkpoint: UInt64 { UInt64(left) }

    mutating func resume(_ checkpoint: UInt64) -> Bool {
        left = Int(clamping: checkpoint)
        return checkpoint <= 255
    }
}

/// Answers each byte from 0xF0 on with a message of that byte, and passes all others.
struct AnsweringFilter: StreamFilter {
    private var answers: [UInt8] = []

    var boundary: (any MessageBoundary)? { ShortMessages() }

    mutating func process(_ bytes: UnsafeRawBufferPointer, into output: inout [UInt8]) -> FilterVerdict {
        for index in bytes.indices {
            let byte = unsafe bytes[index]
            if byte >= 0xF0 { answers += [1, byte] } else { output.append(byte) }
        }
        return .replaced
    }

    mutating func takeAnswers() -> [UInt8] {
        defer { answers = [] }
        return answers
    }
}

@Suite("The answers of a filter")
struct AnswerTests {
    @Test("come at once while the agent is silent, and after the message that it has begun")
    func relayed() async throws {
        try await onLoop { loop in
            let (client, near) = try LinuxIO.Stream.pair(on: loop)
            let (agent, far) = try LinuxIO.Stream.pair(on: loop)
            try await alongside([{ try await relay(near, far, filter: AnsweringFilter()) }]) {
                try await client.write([1, 0xF1, 2])
                #expect(try await client.readExactly(2) == [1, 0xF1])
                #expect(try await agent.readExactly(2) == [1, 2])
                try await agent.write([4, 10, 11])
                #expect(try await client.readExactly(3) == [4, 10, 11])
                try await client.write([0xF2, 3, 0xF3])
                // The filter has seen the calls before them.
                #expect(try await agent.readExactly(1) == [3])
                try await agent.write([12, 13, 1, 14])
                #expect(try await client.readExactly(8) == [12, 13, 1, 0xF2, 1, 0xF3, 1, 14])
                agent.shutdownWriting()
                #expect(try await client.readToEnd().isEmpty)
                client.close()
            }
        }
    }

    @Test("come between the messages of an agent that never pauses")
    func busy() async throws {
        try await onLoop { loop in
            let (client, near) = try LinuxIO.Stream.pair(on: loop)
            let (agent, far) = try LinuxIO.Stream.pair(on: loop)
            let message = [200] + [UInt8](repeating: 7, count: 200)
            var messages: [UInt8] = []
            for _ in 0..<10_000 { messages += message }
            try await alongside([
                { try await relay(near, far, filter: AnsweringFilter()) },
                { [messages] in
                    try await agent.write(messages)
                    agent.shutdownWriting()
                },
            ]) {
                var received: [UInt8] = []
                var sent = 0
                while true {
                    if sent < 50 {
                        try await client.write([0xF1])
                        sent += 1
                    }
                    let bytes = try await client.read(upTo: 30_000)
                    if bytes.isEmpty { break }
                    received += bytes
                }
                var (offset, answers, others) = (0, 0, 0)
                while offset < received.count {
                    let end = offset + 1 + Int(received[offset])
                    guard end <= received.count else { break }
                    if received[offset] == 1 { answers += 1 } else { others += 1 }
                    offset = end
                }
                #expect(offset == received.count)
                #expect(answers == 50)
                #expect(others == 10_000)
                client.close()
            }
        }
    }

    @Test("wait until the client has room for them, and neither they nor the agent's next message are lost")
    func noRoom() async throws {
        try await onLoop { loop in
            let (client, near) = try LinuxIO.Stream.pair(on: loop)
            let (agent, far) = try LinuxIO.Stream.pair(on: loop)
            let filler = [UInt8](repeating: 0, count: 4096)
            var filled = 0
            while let count = unsafe try filler.withUnsafeBytes({ unsafe try near.tryWrite($0) }) { filled += count }
            try await alongside([{ try await relay(near, far, filter: AnsweringFilter()) }]) {
                try await client.write([5, 0xF1, 6])
                try await agent.write([2, 8, 9])
                #expect(try await client.readExactly(filled).allSatisfy { $0 == 0 })
                let received = try await client.readExactly(5)
                #expect(received == [1, 0xF1, 2, 8, 9] || received == [2, 8, 9, 1, 0xF1])
                #expect(try await agent.readExactly(2) == [5, 6])
                // The calls after them are answered, too.
                try await client.write([0xF2])
                #expect(try await client.readExactly(2) == [1, 0xF2])
                client.close()
            }
        }
    }

    @Test("of a client that does not read are limited, and the connection ends")
    func unread() async throws {
        try await onLoop { loop in
            let (client, near) = try LinuxIO.Stream.pair(on: loop)
            let (agent, far) = try LinuxIO.Stream.pair(on: loop)
            defer { client.close() }
            let refused = Event()
            let service: @Sendable () async throws -> Void = {
                do {
                    try await relay(near, far, filter: AnsweringFilter())
                } catch is TooManyAnswers {
                    refused.set()
                }
            }
            try await alongside(service) {
                // The agent stays in the middle of a message.
                try await agent.write([9, 1])
                #expect(try await client.readExactly(2) == [9, 1])
                try? await client.write([UInt8](repeating: 0xF1, count: 20_000))
                await refused.wait()
            }
        }
    }
}
