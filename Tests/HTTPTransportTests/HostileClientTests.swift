import HTTPTransport
import LinuxIO
import Testing

@Suite("HTTP server and clients that behave badly")
struct HostileClientTests {
    @Test(
        "refuses bytes that are not HTTP, and serves the next client",
        arguments: [
            "\u{0}\u{1}\u{2}\u{3}\r\n\r\n", "GET\r\n\r\n", "NOT HTTP AT ALL\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        ])
    func garbage(text: String) async throws {
        var limits = HTTPServer.Limits()
        limits.idleTimeout = .seconds(1)  // Some garbage could still become a request.
        try await withServer(limits) { address, loop in
            var client = try await Client(address, loop)
            try await client.send(text)
            if let answer = try await client.answer() { #expect(answer.status.hasPrefix("4")) }
            #expect(await client.isClosed())
            try await isServed(address, loop)
        }
    }

    @Test("answers that a header is too long, and closes the connection")
    func longHeader() async throws {
        try await withServer { address, loop in
            for line in [
                "GET /\(String(repeating: "a", count: 100_000))",
                "GET / HTTP/1.1\r\nX: \(String(repeating: "a", count: 100_000))",
            ] {
                var client = try await Client(address, loop)
                // The server may close before it has read everything.
                try? await client.send(line + "\r\n\r\n")
                if let answer = try await client.answer() { #expect(["414", "431", "413"].contains(answer.status)) }
                #expect(await client.isClosed())
            }
            try await isServed(address, loop)
        }
    }

    @Test("refuses a body that is too long before it arrives")
    func longBody() async throws {
        var limits = HTTPServer.Limits()
        limits.bodyBytes = 100
        try await withServer(limits) { address, loop in
            var client = try await Client(address, loop)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 101\r\nExpect: 100-continue\r\n\r\n")
            #expect(try await client.answer()?.status == "413")
            var exact = try await Client(address, loop)
            let body = String(repeating: "b", count: 100)
            try await exact.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + body)
            #expect(try await exact.answer()?.status == "200")
        }
    }

    @Test("refuses a body of unknown length once it is too long, and does not read without end")
    func longChunkedBody() async throws {
        var limits = HTTPServer.Limits()
        limits.bodyBytes = 100
        try await withServer(limits) { address, loop in
            let head = "PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            let chunk = "40\r\n" + String(repeating: "c", count: 64) + "\r\n"
            var polite = try await Client(address, loop)
            try await polite.send(head + chunk + chunk + "0\r\n\r\n")
            #expect(try await polite.answer()?.status == "413")
            var endless = try await Client(address, loop)
            try? await endless.send(head + String(repeating: chunk, count: 1000))
            #expect(await endless.isClosed())
            try await isServed(address, loop)
        }
    }

    @Test("closes a connection that stops sending in the middle of a request")
    func silent() async throws {
        var limits = HTTPServer.Limits()
        limits.idleTimeout = .seconds(1)
        try await withServer(limits) { address, loop in
            var client = try await Client(address, loop)
            try await client.send("GET / HTTP/1.1\r\nHo")
            _ = try await client.answer()
            #expect(await client.isClosed())
        }
    }

    @Test("serves others beside 200 idle connections and a very slow one")
    func crowd() async throws {
        try await withServer { address, loop in
            var crowd: [Client] = []
            for _ in 0..<200 { crowd.append(try await Client(address, loop)) }
            var slow = try await Client(address, loop)
            for byte in "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" {
                try await slow.send(String(byte))
                try await isServed(address, loop)
            }
            #expect(try await slow.answer()?.body == "GET /slow\n")
            withExtendedLifetime(crowd) {}
        }
    }

    @Test("serves a new client although 300 others keep their connections and never finish a request")
    func dawdlers() async throws {
        try await withServer { address, loop in
            var crowd: [Client] = []
            for index in 0..<300 {
                let client = try await Client(address, loop)
                if index.isMultiple(of: 2) { try await client.send("GET / HTTP/1.1\r\nHo") }
                crowd.append(client)
            }
            for _ in 0..<20 { try await isServed(address, loop) }
            withExtendedLifetime(crowd) {}
        }
    }

    @Test("closes the connection that was idle for the longest time when the limit is exceeded")
    func idlest() async throws {
        var limits = HTTPServer.Limits()
        limits.connections = 4
        try await withServer(limits) { address, loop in
            var held: [Client] = []
            for _ in 0..<4 { held.append(try await Client(address, loop)) }
            for index in [1, 0, 2, 3] {
                try await held[index].send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await held[index].answer()?.status == "200")
            }
            try await isServed(address, loop)
            #expect(await held[1].isClosed())
            for index in [0, 2, 3] {
                try await held[index].send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await held[index].answer()?.status == "200")
            }
        }
    }

    @Test("does not close connections whose requests are being answered for new ones")
    func busy() async throws {
        var limits = HTTPServer.Limits()
        limits.connections = 4
        let isOver = Event()
        try await withServer(
            limits,
            handler: { _ in
                await isOver.wait()
                return .text("ok\n")
            }
        ) { address, loop in
            var held: [Client] = []
            for _ in 0..<4 {
                let client = try await Client(address, loop)
                try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                held.append(client)
            }
            var surplus = try await Client(address, loop)
            #expect(await surplus.isClosed())
            isOver.set()
            for index in held.indices { #expect(try await held[index].answer()?.status == "200") }
        }
    }

    private func isServed(_ address: SocketAddress, _ loop: EpollLoop) async throws {
        var client = try await Client(address, loop)
        try await client.send("GET /ok HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        #expect(try await client.answer()?.body == "GET /ok\n")
    }
}
