import HTTPTransport
import LinuxIO
import TLS
import Telemetry
import Testing

/// Another implementation of HTTP/2: this project has no HTTP/2 server.
private let node = ["/usr/bin/node", "/usr/local/bin/node"].first { Files.isExecutable($0) }

@Suite("HTTP client and HTTP/2", .enabled(if: node != nil, "node is not there to serve HTTP/2"))
struct HTTP2Tests {
    /// Answers with its version, the path and how many connections there have been; `/hang` never, `/drop` by breaking
    /// the stream, `/die` by breaking the connection.
    private static let program = """
        const fs = require('fs');
        let connections = 0;
        const options = {key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem')};
        const serve = process.argv[2] == 'old' ? require('https').createServer : require('http2').createSecureServer;
        const server = serve(options, (request, response) => {
            if (request.url == '/hang') return;
            if (request.url == '/drop') return request.stream.destroy();
            if (request.url == '/die') return request.stream.session.destroy();
            let size = 0;
            request.on('data', (data) => size += data.length);
            request.on('end', () => {
                response.setHeader('X-Version', request.httpVersion);
                response.setHeader('X-Size', size);
                response.end(connections + ' ' + request.url);
            });
        });
        server.on('secureConnection', () => connections++);
        server.listen(0, '127.0.0.1', () => console.log(server.address().port));
        """

    private func withServer(
        _ mode: String = "new", _ body: @escaping @Sendable (HTTPClient, String) async throws -> Void
    ) async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/http2-")
        defer { try? Files.removeTree(directory) }
        let identity = try ServerIdentity.make(name: "localhost", organization: "tests")
        for (name, text) in [
            ("cert.pem", identity.server.certificate), ("key.pem", identity.server.key.reveal()),
            ("ca.pem", identity.authority), ("server.js", HTTP2Tests.program),
        ] { try DurableFile.write(Array(text.utf8), to: "\(directory)/\(name)", mode: 0o600) }
        var options = HTTPClient.Options.plain
        options.authorityFile = "\(directory)/ca.pem"
        try await withHTTPClient(options) { client, loop in
            var node = ChildProcess.Options(executable: node ?? "", arguments: ["server.js", mode])
            node.workingDirectory = directory
            node.output = .pipe
            let child = try ChildProcess.start(node, on: loop)
            let line = try await child.output?.read(upTo: 100) ?? []
            let port = String(decoding: line, as: UTF8.self).prefix { $0.isNumber }
            do { try await body(client, "https://localhost:\(port)") } catch { Issue.record(error) }
            child.signal(Signals.terminate)
            _ = try await child.wait()
        }
    }

    @Test("100 concurrent requests with bodies share one connection")
    func shared() async throws {
        try await withServer { client, url in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<100 {
                    group.addTask {
                        let body = [UInt8](repeating: 1, count: number * 1000)
                        let answer = try await client.send(.init("PUT", "\(url)/\(number)", body: body))
                        #expect(answer.status == 200)
                        #expect(answer.headers["X-Version"] == "2.0")
                        #expect(answer.headers["x-size"] == "\(number * 1000)")
                        #expect(String(decoding: answer.body, as: UTF8.self) == "1 /\(number)")
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("a server that knows only HTTP/1.1 works too")
    func fallBack() async throws {
        try await withServer("old") { client, url in
            for number in 0..<3 {
                let answer = try await client.send(.init("GET", "\(url)/\(number)"))
                #expect(answer.headers["X-Version"] == "1.1")
                #expect(String(decoding: answer.body, as: UTF8.self) == "1 /\(number)")
            }
        }
    }

    @Test("the failure of one request does not affect the others on its connection")
    func apart() async throws {
        try await withServer { client, url in
            var request = OutgoingRequest("GET", "\(url)/hang")
            request.timeLimit = .milliseconds(200)
            let hang = request
            let late = await #expect(throws: HTTPError.self) { try await client.send(hang) }
            #expect(late?.reason == .deadline)
            #expect(late?.effect == .unknown)
            let dropped = await #expect(throws: HTTPError.self) { try await client.send(.init("PUT", "\(url)/drop")) }
            #expect(dropped?.reason == .brokenAnswer)
            #expect(dropped?.effect == .unknown)
            let next = try await client.send(.init("GET", "\(url)/next"))
            #expect(String(decoding: next.body, as: UTF8.self) == "1 /next")
            let dead = await #expect(throws: HTTPError.self) { try await client.send(.init("PUT", "\(url)/die")) }
            #expect(dead?.effect == .unknown)
            let last = try await client.send(.init("GET", "\(url)/last"))
            #expect(String(decoding: last.body, as: UTF8.self) == "2 /last")
        }
    }
}
