import LinuxIO
import TTRPC
import TestSupport
import Testing

@Suite("Bad input to a server")
struct BadInputTests {
    @Test("an oversized request is refused on its stream, and the connection stays open")
    func oversized() async throws {
        try await serving(.test()) { _, stream in
            let peer = TestPeer(stream)
            let header = FrameHeader(length: Frame.payloadLimit + 1, stream: 1, kind: .request, flags: [])
            var bytes: [UInt8] = []
            header.encode(into: &bytes)
            try await stream.write(bytes)
            // The answer does not wait for the bytes that are skipped.
            let refusal = try await peer.response()
            #expect(refusal.id == 1)
            #expect(refusal.envelope.status?.code == .resourceExhausted)
            try await stream.write([UInt8](repeating: 0, count: header.length))
            try await peer.request(3, payload: [3])
            #expect(try await peer.response().envelope.get() == [3])
        }
    }

    @Test("even, reused and decreasing ids are refused on their stream")
    func streamIDs() async throws {
        try await serving(.test()) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(5)
            #expect(try await peer.response().envelope.status == nil)
            for id: UInt32 in [0, 2, 6, 5, 3, 1] {
                try await peer.request(id)
                let refusal = try await peer.response()
                #expect(refusal.id == id)
                #expect(refusal.envelope.status?.code == .invalidArgument)
            }
            try await peer.request(.max)
            #expect(try await peer.response().envelope.status == nil)
        }
    }

    @Test("unknown kinds, responses, and data for unknown streams are ignored")
    func ignored() async throws {
        try await serving(.test()) { _, stream in
            let peer = TestPeer(stream)
            try await peer.send(
                Frame(stream: 1, Frame.Kind(rawValue: 0), payload: [1]),
                Frame(stream: 1, Frame.Kind(rawValue: 4), flags: .remoteOpen, payload: [1, 2, 3]),
                Frame(stream: 2, Frame.Kind(rawValue: 255)),
                Frame(stream: 1, .response, payload: [0x12, 1, 1]),
                Frame(stream: 1, .data, payload: [1]),
                Frame(stream: 1, .data, flags: [.remoteClosed, .noData]),
                Frame(stream: 8, .data))
            try await peer.request(1, payload: [1])
            #expect(try await peer.response().id == 1)
            try await peer.send(Frame(stream: 1, .data, payload: [1]))
            try await peer.request(3, payload: [3])
            #expect(try await peer.response().id == 3)
        }
    }

    @Test(
        "a request that is not a message is refused on its stream",
        arguments: [[0xFF], [0x0A, 200], [0x08, 1], [0x12, 2, 0], [0x2A, 1, 0x0A]] as [[UInt8]])
    func malformed(payload: [UInt8]) async throws {
        try await serving(.test()) { _, stream in
            let peer = TestPeer(stream)
            try await peer.send(Frame(stream: 1, .request, payload: payload))
            #expect(try await peer.response().envelope.status?.code == .invalidArgument)
            try await peer.request(3, payload: [3])
            #expect(try await peer.response().envelope.get() == [3])
        }
    }

    @Test("names that are empty, long or not text are treated as unknown")
    func strangeNames() async throws {
        try await serving(.test()) { _, stream in
            let peer = TestPeer(stream)
            for (index, name) in [[], [0xFF, 0], [UInt8](repeating: 0x61, count: 1 << 20)].enumerated() {
                var writer = ProtobufWriter()
                writer.bytes(1, name)
                try await peer.send(
                    Frame(stream: StreamID(rawValue: UInt32(2 * index + 1)), .request, payload: writer.bytes))
                let status = try await peer.response().envelope.status
                #expect(status?.code == .unimplemented)
                #expect(status.map { $0.message.utf8.count < 300 } == true)
            }
        }
    }

    @Test("more calls than allowed are refused one by one")
    func tooManyCalls() async throws {
        var limits = ServerLimits.standard
        limits.callsPerConnection = 3
        let gate = Event()
        let wait: Service.Unary = { _, payload in
            await gate.wait()
            return payload
        }
        try await serving(.test(["Wait": wait]), limits: limits) { _, stream in
            let peer = TestPeer(stream)
            for id: UInt32 in [1, 3, 5, 7] { try await peer.request(id, "Wait") }
            let refusal = try await peer.response()
            #expect(refusal.id == 7)
            #expect(refusal.envelope.status?.code == .resourceExhausted)
            gate.set()
            var ids: Set<UInt32> = []
            for _ in 0..<3 { ids.insert(try await peer.response().id) }
            #expect(ids == [1, 3, 5])
            try await peer.request(9)
            #expect(try await peer.response().envelope.status == nil)
        }
    }

    @Test("requests that hold more bytes than allowed are refused")
    func tooManyBytes() async throws {
        var limits = ServerLimits.standard
        limits.callBytesPerConnection = 100_000
        let gate = Event()
        let wait: Service.Unary = { _, payload in
            await gate.wait()
            return payload
        }
        try await serving(.test(["Wait": wait]), limits: limits) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Wait", payload: [UInt8](repeating: 0, count: 90_000))
            try await peer.request(3, "Wait", payload: [UInt8](repeating: 0, count: 90_000))
            #expect(try await peer.response().envelope.status?.code == .resourceExhausted)
            gate.set()
            #expect(try await peer.response().id == 1)
        }
    }

    @Test("garbage gets no answer and does not affect other clients")
    func garbage() async throws {
        try await listening(.test()) { _, connect in
            let hostile = try await connect()
            try await hostile.write(Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
            let peer = TestPeer(try await connect())
            try await peer.request(1, payload: [1])
            #expect(try await peer.response().envelope.get() == [1])
            hostile.close()
        }
    }

    @Test("a thousand idle connections do not prevent calls on another one")
    func idle() async throws {
        SystemInfo.raiseDescriptorLimit()
        try await listening(.test()) { _, connect in
            var idle: [Stream] = []
            for _ in 0..<1000 { idle.append(try await connect()) }
            let peer = TestPeer(try await connect())
            try await peer.request(1, payload: [1])
            #expect(try await peer.response().envelope.get() == [1])
            for stream in idle { stream.close() }
        }
    }

    @Test("a client that sends very slowly is disconnected at the deadline, and does not affect others")
    func drip() async throws {
        var limits = ServerLimits.standard
        limits.frameTime = .milliseconds(400)
        try await listening(.test(), limits: limits) { loop, connect in
            let slow = try await connect()
            let peer = TestPeer(try await connect())
            let started = ContinuousClock.now
            var id: UInt32 = 1
            // One byte after the other of a frame that would take minutes.
            try await slow.write([0, 1, 0, 0, 0, 0, 0, 1, 1, 0])
            while (try? await slow.write([0])) != nil {
                try await peer.request(id, payload: [7])
                #expect(try await peer.response().envelope.get() == [7])
                id += 2
                try await loop.sleep(for: .milliseconds(5))
            }
            #expect(started.duration(to: .now) >= .milliseconds(400))
            #expect(id > 9)
        }
    }

    @Test("a client that stops inside a frame is disconnected; a client that stops between frames is not")
    func halfFrame() async throws {
        var limits = ServerLimits.standard
        limits.frameTime = .milliseconds(50)
        try await listening(.test(), limits: limits) { _, connect in
            let idle = TestPeer(try await connect())
            try await idle.request(1)
            _ = try await idle.response()
            let half = try await connect()
            try await half.write([0, 0, 0, 9, 0, 0, 0, 1, 1, 0, 1, 2])
            #expect(try await half.read(upTo: 1) == [])
            try await idle.request(3)
            #expect(try await idle.response().id == 3)
        }
    }

    @Test("sixty clients with a long half frame each share one budget, and do not affect others")
    func budget() async throws {
        var limits = ServerLimits.standard
        limits.frameTime = .milliseconds(400)
        try await listening(.test(), limits: limits) { _, connect in
            let peer = TestPeer(try await connect())
            let half = [UInt8](repeating: 0, count: Frame.payloadLimit - 1)
            let taken = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<60 {
                    group.addTask {
                        let stream = try await connect()
                        var bytes: [UInt8] = []
                        FrameHeader(length: Frame.payloadLimit, stream: 1, kind: .request, flags: []).encode(
                            into: &bytes)
                        try await stream.write(bytes)
                        var sent = 0
                        // Send until the server closes the connection, or until only the frame's last byte is missing.
                        do {
                            while sent < half.count {
                                try await stream.write(half[sent..<min(sent + 16_384, half.count)])
                                sent += 16_384
                            }
                            _ = try await stream.read(upTo: 1)
                        } catch {}
                        return sent
                    }
                }
                for id in stride(from: UInt32(1), to: 41, by: 2) {
                    try await peer.request(id, payload: [1])
                    #expect(try await peer.response().envelope.get() == [1])
                }
                return try await group.reduce(0, +)
            }
            // 8 MiB of budget, 64 KiB for each, and what their sockets hold; not 60 times 4 MiB.
            #expect(taken < 40 << 20)
        }
    }

    @Test("a client that does not read delays only its own calls, and loses no answer")
    func unread() async throws {
        let finished = Lock(0)
        let make: Service.Unary = { _, _ in
            finished.withLock { $0 += 1 }
            return [UInt8](repeating: 1, count: 64 << 10)
        }
        try await listening(.test(["Make": make])) { loop, connect in
            let peer = TestPeer(try await connect())
            for index in 0..<200 { try await peer.request(UInt32(2 * index + 1), "Make") }
            try await eventually(on: loop) { finished.withLock { $0 } == 200 }
            let other = TestPeer(try await connect())
            try await other.request(1, payload: [1])
            #expect(try await other.response().envelope.get() == [1])
            var ids: Set<UInt32> = []
            for _ in 0..<200 {
                let answer = try await peer.response()
                #expect(try answer.envelope.get().count == 64 << 10)
                ids.insert(answer.id)
            }
            #expect(ids.count == 200)
        }
    }

    @Test(
        "the server stops reading from a client that reads nothing, and the client can still close", arguments: [2, 1])
    func deaf(firstID: UInt32) async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let make: Service.Unary = { _, _ in [UInt8](repeating: 1, count: 64 << 10) }
            var limits = ServerLimits.standard
            limits.callsPerConnection = 50
            let server = Server([.test(["Make": make])], on: loop, limits: limits)
            async let serving: Void = server.serve(far)
            // Refusals when the id is even, bulk otherwise.
            let peer = TestPeer(near)
            do {
                try await withDeadline(.now.advanced(by: .milliseconds(200)), on: loop) {
                    for id in stride(from: firstID, to: .max, by: 2) { try await peer.request(id, "Make") }
                }
                Issue.record("all was taken")
            } catch is DeadlineExceeded {}
            near.close()
            await serving
        }
    }
}
