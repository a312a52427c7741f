import HTTPTransport
import LinuxIO
import TestSupport
import Testing

@Suite("HTTP server")
struct HTTPServerTests {
    @Test("answers requests one after another on one connection")
    func keepAlive() async throws {
        try await withServer { address, loop in
            var client = try await Client(address, loop)
            for path in ["/startup", "/a%20b?c=d%26e&f"] {
                try await client.send("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try #require(try await client.answer())
                #expect(answer.status == "200")
                #expect(answer.body == "GET \(path)\n")
            }
        }
    }

    @Test("answers pipelined requests in their order")
    func pipelined() async throws {
        try await withServer { address, loop in
            var client = try await Client(address, loop)
            try await client.send("GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer()?.body == "GET /1\n")
            #expect(try await client.answer()?.body == "GET /2\n")
        }
    }

    @Test("passes method, target, headers and the whole body to the handler")
    func whole() async throws {
        try await withServer(handler: { request in
            #expect(request.method == "PUT")
            #expect(request.path == "/subscriptions/a%2Fb/vm")
            #expect(request.segments == ["subscriptions", "a/b", "vm"])
            #expect(request.query("api-version") == "2024-07-01")
            #expect(request.query("$filter") == "a b")
            #expect(request.query("none") == nil)
            #expect(request.headers["CONTENT-type"] == "application/json")
            return HTTPResponse(status: 201, headers: ["Location": "/op/1"], body: request.body)
        }) { address, loop in
            var client = try await Client(address, loop)
            let body = String(repeating: "0123456789", count: 30_000)
            try await client.send(
                "PUT /subscriptions/a%2Fb/vm?api-version=2024-07-01&%24filter=a+b HTTP/1.1\r\nHost: x\r\n"
                    + "Content-Type: application/json\r\nContent-Length: \(body.utf8.count)\r\n\r\n" + body)
            let answer = try #require(try await client.answer())
            #expect(answer.status == "201")
            #expect(answer.head.contains("\r\nLocation: /op/1\r\n"))
            #expect(answer.body == body)
        }
    }

    @Test("reads a chunked body, and sends 100 Continue to a client that waits for it")
    func chunked() async throws {
        try await withServer(handler: { HTTPResponse(status: 200, body: $0.body) }) { address, loop in
            var client = try await Client(address, loop)
            try await client.send(
                "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await client.answer(hasBody: false)?.status == "100")
            try await client.send("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
            #expect(try await client.answer()?.body == "abcde")
        }
    }

    @Test("sends no body in the answer to HEAD")
    func head() async throws {
        try await withServer { address, loop in
            var client = try await Client(address, loop)
            try await client.send("HEAD /h HTTP/1.1\r\nHost: x\r\n\r\nGET /g HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer(hasBody: false)?.head.contains("Content-Length: 8") == true)
            #expect(try await client.answer()?.body == "GET /g\n")
        }
    }

    @Test("a slow handler does not delay other requests")
    func slowHandler() async throws {
        let gate = Event()
        try await withServer(handler: { request in
            if request.path == "/slow" { await gate.wait() }
            return .text(request.path)
        }) { address, loop in
            var slow = try await Client(address, loop)
            try await slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            var quick = try await Client(address, loop)
            try await quick.send("GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await quick.answer()?.body == "/quick")
            gate.set()
            #expect(try await slow.answer()?.body == "/slow")
        }
    }

    @Test("a client that closes its connection during its request leaves nothing")
    func hangUp() async throws {
        let (arrived, gate) = (Event(), Event())
        try await withServer(handler: { request in
            if request.path == "/slow" {
                arrived.set()
                await gate.wait()
            }
            return .text("ok")
        }) { address, loop in
            let slow = try await Client(address, loop)
            try await slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            await arrived.wait()
            slow.stream.close()
            gate.set()
            var next = try await Client(address, loop)
            try await next.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await next.answer()?.body == "ok")
        }
    }

    @Test("answers requests in progress while it stops, and frees its port")
    func stops() async throws {
        let arrived = Event()
        try await onLoop { loop in
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            var client = try await Client(listener.address, loop)
            try await withThrowingTaskGroup(of: Void.self) { group in
                let server = try HTTPServer(on: listener, loop: loop) { request in
                    arrived.set()
                    await Event().wait()  // Until cancelled.
                    return .text("last words")
                }
                group.addTask { try await server.run() }
                try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                await arrived.wait()
                group.cancelAll()
                await #expect(throws: CancellationError.self) { try await group.next() }
            }
            #expect(try await client.answer()?.body == "last words")
            #expect(await client.isClosed())
            client.stream.close()
            _ = try Listener.listen(on: listener.address, loop: loop)
        }
    }
}
