import LinuxIO
import TTRPC
import Testing

@Suite("Streaming")
struct StreamingTests {
    private static let echo: Service.Streaming = { _, stream in
        while let message = try await stream.receive() { try await stream.send(message) }
    }
    private static let sum: Service.Streaming = { _, stream in
        var sum: UInt8 = 0
        while let message = try await stream.receive() { sum &+= message.reduce(0, &+) }
        stream.respond([sum])
    }
    private static let count: Service.Streaming = { _, stream in
        let upTo = try await stream.receive()?.first ?? 0
        #expect(try await stream.receive() == nil)
        for number in 0..<upTo { try await stream.send([number]) }
    }
    private static let service = Service.test(streaming: ["Echo2": echo, "Sum": sum, "Count": count])

    @Test("messages go in both directions at the same time")
    func bothWays() async throws {
        try await serving(StreamingTests.service) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let call = try await client.stream("test.Test", "Echo2")
                for number in UInt8(0)..<100 {
                    try await call.send([number])
                    #expect(try await call.receive() == [number])
                }
                try await call.send([])
                #expect(try await call.receive() == [])
                try await call.finishSending()
                #expect(try await call.receive() == nil)
                await #expect(throws: Status.self) { try await call.send([1]) }
            }
        }
    }

    @Test("many messages are answered by one")
    func manyToOne() async throws {
        try await serving(StreamingTests.service) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let call = try await client.stream("test.Test", "Sum", [1, 2])
                try await call.send([3])
                try await call.send([4])
                try await call.finishSending()
                #expect(try await call.receive() == [10])
                #expect(try await call.receive() == nil)
            }
        }
    }

    @Test("one message is answered by many")
    func oneToMany() async throws {
        try await serving(StreamingTests.service) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let call = try await client.stream("test.Test", "Count", [200], sendsMore: false)
                for number in UInt8(0)..<200 { #expect(try await call.receive() == [number]) }
                #expect(try await call.receive() == nil)
            }
        }
    }

    @Test("the frames equal those in the protocol's diagrams")
    func frames() async throws {
        try await serving(StreamingTests.service) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Count", payload: [2], flags: .remoteClosed)
            #expect(try await peer.receive() == Frame(stream: 1, .data, payload: [0]))
            #expect(try await peer.receive() == Frame(stream: 1, .data, payload: [1]))
            #expect(try await peer.receive() == Frame(stream: 1, .data, flags: [.remoteClosed, .noData]))

            try await peer.request(3, "Sum", flags: .remoteOpen)
            try await peer.send(
                Frame(stream: 3, .data, payload: [5]), Frame(stream: 3, .data, flags: .remoteClosed, payload: [6]))
            #expect(try await peer.response().envelope == ResponseEnvelope(payload: [11]))
        }
    }

    @Test("a handler's error ends the stream with its status, after the messages that it had sent")
    func failure() async throws {
        let fail: Service.Streaming = { _, stream in
            try await stream.send([1])
            throw Status(.dataLoss, "gone")
        }
        try await serving(.test(streaming: ["Fail": fail])) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let call = try await client.stream("test.Test", "Fail")
                #expect(try await call.receive() == [1])
                await #expect(throws: Status(.dataLoss, "gone")) { try await call.receive() }
                #expect(try await client.call("test.Test", "Echo", [1]) == [1])
            }
        }
    }

    @Test("a deadline ends a stream at both ends")
    func deadline() async throws {
        try await serving(StreamingTests.service) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let call = try await client.stream("test.Test", "Echo2", timeout: .milliseconds(20))
                await #expect { try await call.receive() } throws: { ($0 as? Status)?.code == .deadlineExceeded }
            }
            // Seen from the wire, on a connection without a client of ours.
        }
        try await serving(StreamingTests.service) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Echo2", timeout: 20_000_000, flags: .remoteOpen)
            #expect(try await peer.response().envelope.status?.code == .deadlineExceeded)
            try await peer.send(Frame(stream: 1, .data, payload: [1]))
            try await peer.request(3, payload: [3])
            #expect(try await peer.response().id == 3)
        }
    }

    @Test("a handler that does not receive is ended, so that other calls go on")
    func stalled() async throws {
        var limits = ServerLimits.standard
        limits.streamInboxBytes = 1000
        limits.streamStall = .milliseconds(50)
        let gate = Event()
        let stall: Service.Streaming = { _, stream in
            await gate.wait()
            while try await stream.receive() != nil {}
        }
        try await serving(.test(streaming: ["Stall": stall]), limits: limits) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Stall", flags: .remoteOpen)
            for _ in 0..<3 { try await peer.send(Frame(stream: 1, .data, payload: .init(repeating: 0, count: 600))) }
            try await peer.request(3, payload: [3])
            #expect(try await peer.response().id == 3)
            gate.set()
            #expect(try await peer.response().envelope.status?.code == .resourceExhausted)
        }
    }

    @Test("an oversized message ends its stream, not the connection")
    func oversized() async throws {
        try await serving(StreamingTests.service) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Echo2", flags: .remoteOpen)
            var bytes: [UInt8] = []
            FrameHeader(length: Frame.payloadLimit + 1, stream: 1, kind: .data, flags: []).encode(into: &bytes)
            try await stream.write(bytes + [UInt8](repeating: 0, count: Frame.payloadLimit + 1))
            #expect(try await peer.response().envelope.status?.code == .resourceExhausted)
            try await peer.request(3, payload: [3])
            #expect(try await peer.response().id == 3)
        }
    }

    @Test("many bytes flow in both directions without being held in memory")
    func bulk() async throws {
        try await serving(StreamingTests.service) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let call = try await client.stream("test.Test", "Echo2")
                async let received: Int = {
                    var count = 0
                    while let message = try await call.receive() { count += message.count }
                    return count
                }()
                for _ in 0..<64 { try await call.send([UInt8](repeating: 1, count: 1 << 20)) }
                try await call.finishSending()
                #expect(try await received == 64 << 20)
            }
        }
    }
}
