import HTTPTransport
import LinuxIO
import TestSupport
import Testing

@Suite("HTTP client and time limits")
struct ClientDeadlineTests {
    private func expect(
        _ reason: HTTPError.Reason, _ effect: HTTPError.Effect, _ said: String,
        _ body: () async throws -> HTTPResponse
    ) async {
        let error = await #expect(throws: HTTPError.self) { try await body() }
        #expect(error?.reason == reason)
        #expect(error?.effect == effect)
        #expect(error?.description.contains(said) == true, "\(error?.description ?? "")")
    }

    @Test("a peer that accepts and does not speak TLS ends the request after the time to connect, with nothing sent")
    func connecting() async throws {
        var options = HTTPClient.Options.plain
        options.connectTimeout = .milliseconds(50)
        try await withHTTPClient(options) { client, loop in
            try await ScriptedServer.run(on: loop) { connection, _ in
                await connection.untilClosed()
            } _: { server in
                let url = server.url.replacing("http:", with: "https:")
                await expect(.deadline, .notSent, "time") { try await client.send(.init("PUT", url)) }
            }
        }
    }

    @Test(
        "the time limit applies before the answer, in its header and in its body",
        arguments: ["", "HTTP/1.1 200 OK\r\nX", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
    func answering(beginning: String) async throws {
        try await withHTTPClient { client, loop in
            let closed = Event()
            try await ScriptedServer.run(on: loop) { connection, _ in
                _ = try await connection.request()
                try await connection.say(beginning)
                await connection.untilClosed()
                closed.set()
            } _: { server in
                var request = OutgoingRequest("PUT", server.url, body: [1])
                request.timeLimit = .milliseconds(50)
                await expect(.deadline, .unknown, "within 0.05 seconds") { try await client.send(request) }
                await closed.wait()
            }
        }
    }

    @Test("a request whose time limit ends in the queue is not sent")
    func queued() async throws {
        var options = HTTPClient.Options.plain
        options.connectionsPerHost = 1
        try await withHTTPClient(options) { client, loop in
            let (arrived, gate) = (Event(), Event())
            try await ScriptedServer.run(on: loop) { connection, _ in
                while true {
                    _ = try await connection.request()
                    arrived.set()
                    await gate.wait()
                    try await connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                }
            } _: { server in
                async let first = client.send(.init("GET", server.url))
                await arrived.wait()
                var hasty = OutgoingRequest("PUT", server.url)
                hasty.timeLimit = .milliseconds(20)
                await expect(.deadline, .notSent, "within") { try await client.send(hasty) }
                async let third = client.send(.init("GET", server.url))
                gate.set()
                let statuses = try await [first.status, third.status]
                #expect(statuses == [200, 200])
                #expect(server.connections == 1)
            }
        }
    }

    @Test("cancelling a task ends its transfer at once, in any phase")
    func cancelled() async throws {
        var options = HTTPClient.Options.plain
        options.connectionsPerHost = 1
        try await withHTTPClient(options) { client, loop in
            let (arrived, closed) = (Event(), Event())
            try await ScriptedServer.run(on: loop) { connection, number in
                _ = try await connection.request()
                if number > 0 { return try await connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n") }
                arrived.set()
                await connection.untilClosed()
                closed.set()
            } _: { server in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask {
                        await expect(.cancelled, .unknown, "cancelled") {
                            try await client.send(.init("PUT", server.url))
                        }
                    }
                    await arrived.wait()
                    await withTaskGroup(of: Void.self) { queued in
                        queued.addTask {
                            await expect(.cancelled, .notSent, "cancelled") {
                                try await client.send(.init("PUT", server.url))
                            }
                        }
                        await loop.yield()
                        queued.cancelAll()
                    }
                    group.cancelAll()
                }
                await closed.wait()
                // The place is free again.
                let next = try await client.send(.init("GET", server.url))
                #expect(next.status == 200)
                await withTaskGroup(of: Void.self) { group in
                    group.cancelAll()
                    group.addTask {
                        await expect(.cancelled, .notSent, "cancelled") {
                            try await client.send(.init("PUT", server.url))
                        }
                    }
                }
            }
        }
    }

    @Test("a client that stops ends its requests with an error, and closes its connections")
    func stopped() async throws {
        try await onLoop { loop in
            let client = try HTTPClient(.plain, on: loop)
            let (arrived, closed) = (Event(), Event())
            try await ScriptedServer.run(on: loop) { connection, _ in
                _ = try await connection.request()
                arrived.set()
                await connection.untilClosed()
                closed.set()
            } _: { server in
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { try? await client.run() }
                    async let outcome: Void = expect(.client, .unknown, "stopped") {
                        try await client.send(.init("PUT", server.url))
                    }
                    await arrived.wait()
                    group.cancelAll()
                    await outcome
                    await closed.wait()
                }
            }
        }
    }
}
