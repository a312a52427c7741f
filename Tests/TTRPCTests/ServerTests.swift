import LinuxIO
import TTRPC
import TestSupport
import Testing

@Suite("Server")
struct ServerTests {
    @Test("answers a call on its stream, however its bytes are cut", arguments: [1, 7, 4096, 1 << 20])
    func anyCut(chunk: Int) async throws {
        try await serving(.test()) { loop, stream in
            let peer = TestPeer(stream)
            let payload = [UInt8](repeating: 3, count: chunk == 1 ? 300 : 200_000)
            let envelope = RequestEnvelope(service: "test.Test", method: "Echo", payload: payload)
            var bytes: [UInt8] = []
            Frame(stream: 1, .request, payload: envelope.encoded).encode(into: &bytes)
            Frame(stream: 3, .request, payload: envelope.encoded).encode(into: &bytes)
            for start in stride(from: 0, to: bytes.count, by: chunk) {
                try await stream.write(bytes[start..<min(start + chunk, bytes.count)])
                await loop.yield()
            }
            for id: UInt32 in [1, 3] {
                let answer = try await peer.response()
                #expect(answer.id == id)
                #expect(try answer.envelope.get() == payload)
            }
        }
    }

    @Test("passes metadata and deadline to the handler")
    func context() async throws {
        let look: Service.Unary = { call, _ in
            #expect(call.service == "test.Test")
            #expect(call.method == "Look")
            #expect(call.metadata.values(for: "k") == ["a", "b"])
            let left = try #require(call.deadline) - .now
            #expect(left > .seconds(50) && left <= .seconds(60))
            return []
        }
        try await serving(.test(["Look": look])) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let answer = try await client.call(
                    "test.Test", "Look", [], timeout: .seconds(60), metadata: ["k": "a", "k": "b"])
                #expect(answer == [])
            }
        }
    }

    @Test("answers in the order in which calls end")
    func anyOrder() async throws {
        let gate = Event()
        let wait: Service.Unary = { _, payload in
            await gate.wait()
            return payload
        }
        try await serving(.test(["Wait": wait])) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Wait", payload: [1])
            try await peer.request(3, payload: [3])
            #expect(try await peer.response().id == 3)
            gate.set()
            #expect(try await peer.response().id == 1)
        }
    }

    @Test("keeps hundreds of blocked calls, and serves others meanwhile")
    func blocked() async throws {
        let gate = Event()
        let wait: Service.Unary = { _, payload in
            await gate.wait()
            return payload
        }
        try await serving(.test(["Wait": wait])) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                let answers = try await withThrowingTaskGroup { group in
                    for index in 0..<500 {
                        group.addTask { try await client.call("test.Test", "Wait", [UInt8(index % 251)]) }
                    }
                    #expect(try await client.call("test.Test", "Echo", [9]) == [9])
                    gate.set()
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(answers.count == 500)
            }
        }
    }

    @Test("sends a handler's status completely, and any other error as UNKNOWN")
    func errors() async throws {
        struct Mishap: Error, CustomStringConvertible { let description = "it rained" }
        let status = Status(.failedPrecondition, "not yet", details: [0x1A, 1, 7])
        let service = Service.test(["Status": { _, _ in throw status }, "Mishap": { _, _ in throw Mishap() }])
        try await serving(service) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                await #expect(throws: status) { try await client.call("test.Test", "Status", []) }
                await #expect(throws: Status(.unknown, "it rained")) {
                    try await client.call("test.Test", "Mishap", [])
                }
            }
        }
    }

    @Test("answers UNIMPLEMENTED to methods that it does not have")
    func unimplemented() async throws {
        try await serving(.test()) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                await #expect(throws: Status(.unimplemented, "there is no service a.B")) {
                    try await client.call("a.B", "C", [])
                }
                await #expect(throws: Status(.unimplemented, "service test.Test has no method C")) {
                    try await client.call("test.Test", "C", [])
                }
                let answer = try await client.call("test.Test", "Echo", [1])
                #expect(answer == [1])
            }
        }
    }

    @Test("a deadline cancels the handler and answers DEADLINE_EXCEEDED")
    func deadline() async throws {
        let cancelled = Event()
        let wait: Service.Unary = { _, payload in
            await withTaskCancellationHandler {
                await Event().wait()
            } onCancel: {
                cancelled.set()
            }
            return payload
        }
        try await serving(.test(["Wait": wait])) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Wait", timeout: 3_600_000_000_000)
            try await peer.request(3, "Wait", timeout: 20_000_000)
            let answer = try await peer.response()
            #expect(answer.id == 3)
            #expect(answer.envelope.status?.code == .deadlineExceeded)
            #expect(cancelled.isSet)
            // Late or not, one answer is all there is.
            try await peer.request(5, payload: [5])
            #expect(try await peer.response().id == 5)
        }
    }

    @Test("a timeout of 0 or less means no timeout", arguments: [0, -1, .min] as [Int64])
    func noDeadline(timeout: Int64) async throws {
        let look: Service.Unary = { call, _ in call.deadline == nil ? [1] : [0] }
        try await serving(.test(["Look": look])) { _, stream in
            let peer = TestPeer(stream)
            try await peer.request(1, "Look", timeout: timeout)
            #expect(try await peer.response().envelope.get() == [1])
        }
    }

    @Test("a client that closes its connection cancels its calls", arguments: [false, true])
    func hangUp(insideFrame: Bool) async throws {
        let begun = Event()
        let cancelled = Event()
        let wait: Service.Unary = { _, payload in
            begun.set()
            await Event().wait()
            #expect(Task.isCancelled)
            cancelled.set()
            return payload
        }
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let server = Server([.test(["Wait": wait])], on: loop)
            async let serving: Void = server.serve(far)
            try await TestPeer(near).request(1, "Wait")
            await begun.wait()
            if insideFrame { try await near.write([0, 0, 1, 0, 0]) }
            near.close()
            await serving
            #expect(cancelled.isSet)
            #expect(far.isClosed)
        }
    }

    @Test("cancelling the server cancels its calls and closes its connections")
    func cancelled() async throws {
        let begun = Event()
        let wait: Service.Unary = { _, payload in
            begun.set()
            await Event().wait()
            return payload
        }
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            try await TestPeer(near).request(1, "Wait")
            await withTaskGroup { group in
                group.addTask { await Server([.test(["Wait": wait])], on: loop).serve(far) }
                await begun.wait()
                group.cancelAll()
            }
            #expect(try await near.read(upTo: 1) == [])
        }
    }

    @Test("a response too long for a frame becomes RESOURCE_EXHAUSTED, and the connection stays open")
    func longResponse() async throws {
        let lengths = [Frame.payloadLimit - 6, Frame.payloadLimit - 5, Frame.payloadLimit, 3 * Frame.payloadLimit]
        let make: Service.Unary = { _, payload in [UInt8](repeating: 1, count: lengths[Int(payload[0])]) }
        try await serving(.test(["Make": make])) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                for index in lengths.indices {
                    do {
                        let answer = try await client.call("test.Test", "Make", [UInt8(index)])
                        #expect(answer.count == lengths[index])
                        #expect(answer.count <= Frame.payloadLimit - 5)
                    } catch let status as Status {
                        #expect(status.code == .resourceExhausted)
                        #expect(lengths[index] > Frame.payloadLimit - 5)
                    }
                }
            }
        }
    }
}

extension Result where Failure == any Error {
    /// What `body` returns or throws.
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
