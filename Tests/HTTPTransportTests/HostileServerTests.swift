import HTTPTransport
import LinuxIO
import Testing

@Suite("HTTP client and servers that behave badly")
struct HostileServerTests {
    /// Sends a GET to a server that answers each request with `text` and closes.
    private func ask(
        _ text: String, limit: Int = 1 << 20
    ) async throws -> Result<HTTPResponse, HTTPError> {
        let outcome = Lock<Result<HTTPResponse, HTTPError>?>(nil)
        try await withHTTPClient { client, loop in
            try await ScriptedServer.run(on: loop) { connection, _ in
                _ = try await connection.request()
                try await connection.say(text)
            } _: { server in
                var request = OutgoingRequest("GET", server.url + "/secret?token=hidden")
                request.responseLimit = limit
                let result: Result<HTTPResponse, HTTPError>
                do throws(HTTPError) { result = .success(try await client.send(request)) } catch {
                    result = .failure(error)
                }
                outcome.withLock { $0 = result }
                #expect(server.connections == 1)
            }
        }
        return try #require(outcome.withLock { $0 })
    }

    @Test(
        "recognises a malformed answer",
        arguments: [
            "", "\r\n", "nonsense\r\n\r\n", "{\"error\":1}", "SSH-2.0-OpenSSH_9\r\n", "HTTP/1.1 200 OK\r\nContent-Le",
            "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "HTTP/1.1 OK\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\nA: 1\r\n", "HTTP/1.1 200 OK\r\nnothing\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", "<html>proxy error</html>",
        ])
    func broken(answer: String) async throws {
        guard case .failure(let error) = try await ask(answer) else {
            Issue.record("an answer came of \(answer.debugDescription)")
            return
        }
        #expect(error.reason == .brokenAnswer, "\(error)")
        #expect(error.effect == .unknown)
        #expect(error.description.hasPrefix("127.0.0.1:"))
        #expect(!error.description.contains("hidden"))
    }

    @Test("returns a page of HTML as an answer, and cuts a body that is longer than its header says")
    func odd() async throws {
        let page = try await ask("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\n\r\n<html>").get()
        #expect(page.status == 502)
        #expect(page.headers["content-type"] == "text/html")
        #expect(page.body == Array("<html>".utf8))
        let long = try await ask("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok, and more").get()
        #expect(long.body == Array("ok".utf8))
    }

    @Test("limits the size of the answer's header, and of its body with or without a length")
    func tooLarge() async throws {
        let exact = try await ask(
            "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + String(repeating: "a", count: 100), limit: 100)
        #expect(try exact.get().body.count == 100)
        for answer in [
            "HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + String(repeating: "a", count: 101),
            "HTTP/1.1 200 OK\r\n\r\n" + String(repeating: "a", count: 101),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n" + String(repeating: "a", count: 101)
                + "\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n" + String(repeating: "X: \(String(repeating: "y", count: 1000))\r\n", count: 70)
                + "\r\n",
        ] {
            guard case .failure(let error) = try await ask(answer, limit: 100) else {
                Issue.record("an answer came of \(answer.prefix(60).debugDescription)")
                continue
            }
            #expect(error.reason == .answerTooLarge)
            #expect(error.effect == .unknown)
        }
    }

    @Test("ignores malformed header fields")
    func oddHeaders() async throws {
        let answer = try await ask(
            "HTTP/1.1 200 OK\r\n: none\r\nA: 1\r\n folded: 2\r\nB:\r\nContent-Length: 0\r\n\r\n")
        #expect(try answer.get().headers["A"]?.hasPrefix("1") == true)
        #expect(try answer.get().headers["folded"] == nil)
        #expect(try answer.get().headers["B"] == "")
    }

    @Test(
        "refuses requests that are invalid or that a server would parse differently",
        arguments: [
            OutgoingRequest("GET", "http://127.0.0.1:1/", headers: ["X": "a\r\nY: b"]),
            OutgoingRequest("GET", "http://127.0.0.1:1/", headers: ["X": "a\nY: b"]),
            OutgoingRequest("GET", "http://127.0.0.1:1/", headers: ["X": "a\u{0}"]),
            OutgoingRequest("GET", "http://127.0.0.1:1/", headers: ["X\r\nY": "a"]),
            OutgoingRequest("GET", "http://127.0.0.1:1/", headers: ["X Y": "a"]),
            OutgoingRequest("GET", "http://127.0.0.1:1/", headers: ["": "a"]),
            OutgoingRequest("GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "http://127.0.0.1:1/"),
            OutgoingRequest("", "http://127.0.0.1:1/"),
            OutgoingRequest("GET", "http://127.0.0.1:1/\r\nX: y"), OutgoingRequest("GET", "http://127.0.0.1:1/a b"),
            OutgoingRequest("GET", "http://127.0.0.1:1/ä"), OutgoingRequest("GET", "http://user:pass@127.0.0.1:1/"),
            OutgoingRequest("GET", "http://127.0.0.1:1/#x"), OutgoingRequest("GET", "http://127.0.0.1\\@x/"),
            OutgoingRequest("GET", "http://"), OutgoingRequest("GET", "http:///x"),
            OutgoingRequest("GET", "http://127.0.0.1:0/"), OutgoingRequest("GET", "http://127.0.0.1:99999/"),
            OutgoingRequest("GET", "file:///etc/passwd"), OutgoingRequest("GET", "ftp://127.0.0.1/"),
            OutgoingRequest("GET", "gopher://127.0.0.1:1/"), OutgoingRequest("GET", "127.0.0.1:1/"),
            OutgoingRequest("GET", ""), OutgoingRequest("GET", "http://[::1/"),
        ])
    func injection(request: OutgoingRequest) async throws {
        try await withHTTPClient { client, _ in
            let error = await #expect(throws: HTTPError.self) { try await client.send(request) }
            #expect(error?.reason == .malformedRequest, "\(error?.description ?? "")")
            #expect(error?.effect == .notSent)
        }
    }

    @Test("an unused port and an unknown host name give errors that say that nothing was sent")
    func unreachable() async throws {
        try await withHTTPClient { client, loop in
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let address = listener.address
            listener.close()
            let refused = await #expect(throws: HTTPError.self) {
                try await client.send(.init("PUT", "http://\(address)/"))
            }
            #expect(refused?.reason == .connection)
            #expect(refused?.effect == .notSent)
            let unknown = await #expect(throws: HTTPError.self) {
                try await client.send(.init("GET", "http://no-such-host.invalid/"))
            }
            #expect(unknown?.reason == .nameResolution)
            #expect(unknown?.effect == .notSent)
        }
    }

    @Test("when the server has closed a kept connection, the next request uses a new connection and succeeds")
    func closedBetween() async throws {
        try await withHTTPClient { client, loop in
            let closed = Event()
            try await ScriptedServer.run(on: loop) { connection, number in
                _ = try await connection.request()
                try await connection.say("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n\(number)")
                // A close alone does not end the connection while a child that another test starts has the descriptor, too.
                connection.stream.shutdownWriting()
                connection.stream.close()
                closed.set()
            } _: { server in
                let first = try await client.send(.init("GET", server.url))
                await closed.wait()
                let second = try await client.send(.init("POST", server.url))
                #expect([first.body, second.body] == [[0x30], [0x31]])
            }
        }
    }

    @Test("a request whose kept connection breaks is not repeated by the client itself")
    func brokenReuse() async throws {
        try await withHTTPClient { client, loop in
            let seen = Lock(0)
            try await ScriptedServer.run(on: loop) { connection, _ in
                _ = try await connection.request()
                try await connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                _ = try await connection.request()
                seen.withLock { $0 += 1 }
            } _: { server in
                for method in ["PUT", "POST"] {
                    _ = try await client.send(.init("GET", server.url))
                    let error = await #expect(throws: HTTPError.self) {
                        try await client.send(.init(method, server.url))
                    }
                    #expect(error?.effect == .unknown)
                    #expect(error?.reason == .brokenAnswer)
                }
                #expect(seen.withLock { $0 } == 2)
            }
        }
    }
}
