import LinuxIO
import TTRPC
import TestSupport
import Testing

@Suite("Client")
struct ClientTests {
    @Test("sends timeout and metadata to the server, and numbers its streams 1, 3, 5")
    func wire() async throws {
        try await talking { loop, client, server in
            async let answers = [
                client.call("s", "a", [1], timeout: .seconds(3), metadata: ["k": "v"]), client.call("s", "b", []),
            ]
            let first = try #require(try await server.receive())
            #expect(first.stream == 1 && first.kind == .request && first.flags == [])
            let envelope = RequestEnvelope(
                service: "s", method: "a", payload: [1], timeoutNanoseconds: 3_000_000_000, metadata: ["k": "v"])
            #expect(try RequestEnvelope(parsing: first.payload) == envelope)
            try await server.send(Frame(stream: 1, .response, payload: ResponseEnvelope(payload: [7]).encoded))
            #expect(try await server.receive()?.stream == 3)
            try await server.send(Frame(stream: 3, .response))
            #expect(try await answers == [[7], []])
        }
    }

    @Test("matches answers to calls in any order")
    func anyOrder() async throws {
        try await talking { loop, client, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<100 {
                    group.addTask {
                        let answer = try await client.call("s", "m", [UInt8(index)])
                        #expect(answer == [UInt8(index)])
                    }
                }
                var requests: [Frame] = []
                for _ in 0..<100 { requests.append(try #require(try await server.receive())) }
                for request in requests.shuffled() {
                    let payload = try RequestEnvelope(parsing: request.payload).payload
                    let answer = ResponseEnvelope(payload: payload).encoded
                    try await server.send(Frame(stream: request.stream, .response, payload: answer))
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("gives up at its deadline, and ignores the answer that comes later")
    func deadline() async throws {
        try await talking { loop, client, server in
            await #expect(throws: Status(.deadlineExceeded, "the server did not answer before the deadline")) {
                try await client.call("s", "m", [], timeout: .milliseconds(10))
            }
            try await server.send(Frame(stream: 1, .response, payload: ResponseEnvelope(payload: [1]).encoded))
            async let second = client.call("s", "m", [], timeout: .seconds(60))
            _ = try await server.receive()
            let request = try #require(try await server.receive())
            try await server.send(
                Frame(stream: request.stream, .response, payload: ResponseEnvelope(payload: [2]).encoded))
            #expect(try await second == [2])
        }
    }

    @Test("a cancelled call ends at once; the others go on", arguments: [false, true])
    func cancelled(beforeTheCall: Bool) async throws {
        try await talking { loop, client, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    await #expect(throws: CancellationError.self) { try await client.call("s", "m", []) }
                }
                if !beforeTheCall { _ = try await server.receive() }
                group.cancelAll()
                try await group.waitForAll()
            }
            async let other = client.call("s", "m", [])
            let request = try #require(try await server.receive())
            try await server.send(Frame(stream: request.stream, .response))
            #expect(try await other == [])
        }
    }

    @Test("a closed connection ends all calls with UNAVAILABLE, and all later ones")
    func closed() async throws {
        try await talking { loop, client, server in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        await #expect(throws: Status(.unavailable, "the server closed the connection")) {
                            try await client.call("s", "m", [])
                        }
                    }
                }
                for _ in 0..<10 { _ = try await server.receive() }
                server.stream.close()
                try await group.waitForAll()
            }
            await #expect(throws: Status(.unavailable, "the server closed the connection")) {
                try await client.call("s", "m", [])
            }
        }
    }

    @Test("refuses a request that is too long for a frame, and stays usable")
    func longRequest() async throws {
        try await serving(.test()) { loop, stream in
            try await Client.with(stream, on: loop) { client in
                await #expect {
                    try await client.call("test.Test", "Echo", .init(repeating: 0, count: Frame.payloadLimit))
                } throws: {
                    ($0 as? Status)?.code == .resourceExhausted
                }
                let longest = [UInt8](repeating: 1, count: Frame.payloadLimit - 22)
                let answer = try await client.call("test.Test", "Echo", longest)
                #expect(answer == longest)
            }
        }
    }

    @Test("an answer longer than the client takes fails its call only")
    func longAnswer() async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let peer = TestPeer(far)
            try await Client.with(near, on: loop, limits: .untrusted) { client in
                for (size, isTaken) in [(ClientLimits.untrusted.answerBytes, false), (1000, true)] {
                    async let answer = Result { try await client.call("s", "m", []) }
                    let request = try #require(try await peer.receive())
                    let envelope = ResponseEnvelope(payload: [UInt8](repeating: 7, count: size))
                    try await peer.send(Frame(stream: request.stream, .response, payload: envelope.encoded))
                    switch await answer {
                    case .success(let bytes): #expect(isTaken && bytes.count == size)
                    case .failure(let error): #expect(!isTaken && (error as? Status)?.code == .resourceExhausted)
                    }
                }
            }
        }
    }

    @Test("an answer that is oversized or malformed fails its call only")
    func badAnswers() async throws {
        try await talking { loop, client, server in
            async let oversized = Result { try await client.call("s", "m", []) }
            _ = try await server.receive()
            var bytes: [UInt8] = []
            FrameHeader(length: Frame.payloadLimit + 1, stream: 1, kind: .response, flags: []).encode(into: &bytes)
            try await server.stream.write(bytes + [UInt8](repeating: 0, count: Frame.payloadLimit + 1))
            let oversizedEnd = await oversized
            #expect { try oversizedEnd.get() } throws: { ($0 as? Status)?.code == .resourceExhausted }
            async let malformed = Result { try await client.call("s", "m", []) }
            _ = try await server.receive()
            try await server.send(
                Frame(stream: 99, .response), Frame(stream: 3, Frame.Kind(rawValue: 9)), Frame(stream: 3, .request),
                Frame(stream: 3, .response, payload: [0xFF]))
            let malformedEnd = await malformed
            #expect { try malformedEnd.get() } throws: { ($0 as? Status)?.code == .internal }
        }
    }

    /// A client whose server is the test.
    private func talking(
        _ body: @escaping @Sendable (EpollLoop, Client, TestPeer) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            try await Client.with(near, on: loop) { client in try await body(loop, client, TestPeer(far)) }
        }
    }
}
