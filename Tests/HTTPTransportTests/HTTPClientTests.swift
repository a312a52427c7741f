import HTTPTransport
import LinuxIO
import Telemetry
import TestSupport
import Testing

@Suite("HTTP client")
struct HTTPClientTests {
    @Test("sends method, target, headers and body unchanged, and returns the answer unchanged")
    func whole() async throws {
        try await withHTTPClient { client, loop in
            try await ScriptedServer.run(on: loop) { connection, _ in
                let request = try await connection.request()
                #expect(request.hasPrefix("PUT /a%20b/../c?api-version=2024-07-01&x=%26 HTTP/1.1\r\n"))
                #expect(request.contains("\r\nUser-Agent: cloud-api-adaptor\r\n"))
                #expect(request.contains("\r\nX-Empty:\r\n"))
                #expect(request.contains("\r\nContent-Type: application/json\r\n"))
                #expect(!request.contains("Expect:") && !request.contains("Accept:"))
                #expect(request.hasSuffix("\r\n\r\n{\"a\":1}"))
                try await connection.say(
                    "HTTP/1.1 201 Created\r\nContent-Length: 4\r\nLocation: /op/1\r\nX-Two:  a\t\r\nx-two:b:c\r\n\r\nbody"
                )
                await connection.untilClosed()
            } _: { server in
                let request = OutgoingRequest(
                    "PUT", server.url + "/a%20b/../c?api-version=2024-07-01&x=%26",
                    headers: ["Content-Type": "application/json", "X-Empty": ""], body: Array(#"{"a":1}"#.utf8))
                let answer = try await client.send(request)
                #expect(answer.status == 201)
                #expect(answer.headers["location"] == "/op/1")
                #expect(answer.headers.fields.map(\.value) == ["4", "/op/1", "a", "b:c"])
                #expect(answer.body == Array("body".utf8))
            }
        }
    }

    @Test(
        "sends Content-Length as the method and the body require",
        arguments: [
            ("GET", "", nil), ("DELETE", "", nil), ("PUT", "", "0"), ("POST", "", "0"), ("PATCH", "", "0"),
            ("POST", "ab", "2"), ("PATCH", "abc", "3"), ("DELETE", "abcd", "4"), ("GET", "a", "1"),
        ])
    func methods(method: String, body: String, length: String?) async throws {
        try await withHTTPClient { client, loop in
            try await ScriptedServer.run(on: loop) { connection, _ in
                let request = try await connection.request()
                #expect(request.hasPrefix("\(method) /x HTTP/1.1\r\n"))
                #expect(request.contains("Content-Length: \(length ?? "")") == (length != nil))
                #expect(!request.contains("Content-Type"))
                #expect(request.hasSuffix("\r\n\r\n\(body)"))
                try await connection.say("HTTP/1.1 204 No Content\r\n\r\n")
            } _: { server in
                let answer = try await client.send(.init(method, server.url + "/x", body: Array(body.utf8)))
                #expect(answer.status == 204)
                #expect(answer.body == [])
            }
        }
    }

    @Test("uses one connection for requests that follow each other, and a few for 200 at once")
    func reuse() async throws {
        var options = HTTPClient.Options.plain
        options.connectionsPerHost = 8
        try await withHTTPClient(options) { client, loop in
            try await ScriptedServer.run(on: loop) { connection, _ in
                while true {
                    let line = try await connection.request().prefix { $0 != "\r\n" }
                    try await connection.say("HTTP/1.1 200 OK\r\nContent-Length: \(line.utf8.count)\r\n\r\n\(line)")
                }
            } _: { server in
                for number in 0..<5 {
                    let answer = try await client.send(.init("GET", "\(server.url)/\(number)"))
                    #expect(String(decoding: answer.body, as: UTF8.self) == "GET /\(number) HTTP/1.1")
                }
                #expect(server.connections == 1)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for number in 0..<200 {
                        group.addTask {
                            let answer = try await client.send(.init("GET", "\(server.url)/\(number)"))
                            #expect(String(decoding: answer.body, as: UTF8.self) == "GET /\(number) HTTP/1.1")
                        }
                    }
                    try await group.waitForAll()
                }
                #expect((2...8).contains(server.connections))
            }
        }
    }

    @Test("returns a redirect as the answer, and does not follow it")
    func redirect() async throws {
        try await withHTTPClient { client, loop in
            try await ScriptedServer.run(on: loop) { connection, _ in
                _ = try await connection.request()
                try await connection.say(
                    "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.2:1/\r\nContent-Length: 0\r\n\r\n")
            } _: { server in
                let answer = try await client.send(.init("GET", server.url, headers: ["Authorization": "Bearer x"]))
                #expect(answer.status == 307)
                #expect(answer.headers["Location"] == "http://127.0.0.2:1/")
                #expect(server.connections == 1)
            }
        }
    }

    @Test("waits for the answer after 100 Continue")
    func interim() async throws {
        try await withHTTPClient { client, loop in
            try await ScriptedServer.run(on: loop) { connection, _ in
                _ = try await connection.request()
                try await connection.say("HTTP/1.1 100 Continue\r\nX-Interim: 1\r\n\r\n")
                try await connection.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Final: 1\r\n\r\nok")
            } _: { server in
                let answer = try await client.send(.init("PUT", server.url, body: [1]))
                #expect(answer.status == 200)
                #expect(answer.headers["X-Interim"] == nil)
                #expect(answer.headers["X-Final"] == "1")
            }
        }
    }

    @Test("a request before the client runs is sent when it runs; a request after its end fails")
    func beforeAndAfter() async throws {
        try await onLoop { loop in
            let client = try HTTPClient(.plain, on: loop)
            try await ScriptedServer.run(on: loop) { connection, _ in
                _ = try await connection.request()
                try await connection.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                await connection.untilClosed()
            } _: { server in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    async let early = client.send(.init("GET", server.url))
                    await loop.yield()
                    group.addTask { try await client.run() }
                    let answer = try await early
                    #expect(answer.status == 200)
                    group.cancelAll()
                    await #expect(throws: CancellationError.self) { try await group.next() }
                }
                let late = await #expect(throws: HTTPError.self) { try await client.send(.init("GET", server.url)) }
                #expect(late?.effect == .notSent)
                #expect(late?.reason == .client)
            }
        }
    }
}
