import LinuxIO
import TTRPC
import TestSupport
import Testing

@Suite("A server's methods")
struct ServedMethodTests {
    private struct Number: Message {
        var value: Int64 = 0
        mutating func visit(_ fields: inout MessageFields) { fields.integer(1, &value) }
    }

    private static let count = StreamingMethod<Number, Number>("test.Test", "Count")

    private func serving(
        _ services: [Service] = [], fallback: Service.Unary? = nil,
        _ body: @escaping @Sendable (Client) async throws -> Void
    ) async throws {
        try await onLoop { loop in
            let (near, far) = try Stream.pair(on: loop)
            let server = Server(services, fallback: fallback, on: loop)
            try await alongside({ await server.serve(far) }) { try await Client.with(near, on: loop, body) }
        }
    }

    @Test("include a fallback, which gets the names and the undecoded request of every other call")
    func fallback() async throws {
        let method = Service("test.Test", unary: ["Own": { _, _ in [1] }])
        let long = String(repeating: "x", count: 300)
        try await serving(
            [method], fallback: { call, payload in Array("\(call.service) \(call.method)".utf8) + payload }
        ) { client in
            let own = try await client.call("test.Test", "Own", [])
            let other = try await client.call("test.Test", "Other", [0xFF])
            let unknown = try await client.call("a", long, [])
            #expect(own == [1])
            #expect(other == Array("test.Test Other".utf8) + [0xFF])
            #expect(unknown == Array("a \(long)".utf8))
        }
    }

    @Test("may answer with any number of messages, and then with an error")
    func streaming() async throws {
        let handler = Self.count.handled { _, request, send in
            for value in 0..<request.value { try await send(.with { $0.value = value }) }
            if request.value == 3 { throw Status(.aborted, "three") }
        }
        try await serving(Service.services(of: [handler])) { client in
            for limit in [0, 1, 100] as [Int64] {
                let responses = try await client.call(Self.count, .with { $0.value = limit })
                for value in 0..<limit { #expect(try await responses.next()?.value == value) }
                #expect(try await responses.next() == nil)
            }
            let responses = try await client.call(Self.count, .with { $0.value = 3 })
            for value in 0..<3 as Range<Int64> { #expect(try await responses.next()?.value == value) }
            await #expect(throws: Status(.aborted, "three")) { try await responses.next() }
            // Not a message of the request type.
            let stream = try await client.stream("test.Test", "Count", [0xFF], sendsMore: false)
            let error = await #expect(throws: Status.self) { try await stream.receive() }
            #expect(error?.code == .invalidArgument)
        }
    }

    @Test("are served on a bounded number of connections, which outlive the listener")
    func connections() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            var limits = ServerLimits()
            limits.connections = 2
            let server = Server([], fallback: { _, payload in payload }, on: loop, limits: limits)
            let listener = try Listener.listen(on: directory.socket("s"), loop: loop)
            try await alongside({ try await server.serve(listener) }) {
                let first = try await Stream.connect(to: listener.address, on: loop)
                let second = try await Stream.connect(to: listener.address, on: loop)
                let third = try await Stream.connect(to: listener.address, on: loop)
                #expect(try await third.read(upTo: 1).isEmpty)
                first.close()
                try await eventually(on: loop) { server.connectionCount == 1 }
                listener.close()
                try await Client.with(second, on: loop) { client in
                    let answer = try await client.call("s", "m", [7])
                    #expect(answer == [7])
                    #expect(!client.hasEnded)
                    client.close()
                    #expect(client.hasEnded)
                }
                try await eventually(on: loop) { server.connectionCount == 0 }
            }
        }
    }
}
