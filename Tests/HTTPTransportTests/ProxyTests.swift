import HTTPTransport
import LinuxIO
import TestSupport
import Testing

@Suite("HTTP client and proxies")
struct ProxyTests {
    /// Asks for `url` with an environment whose `$P` is the proxy, which answers 200 to everything but CONNECT: what
    /// the proxy was asked for, and what came of it.
    private func ask(
        _ url: String, _ environment: [String: String], usesProxy: Bool = true
    ) async throws -> (asked: [String], outcome: Result<HTTPResponse, HTTPError>) {
        let found = Lock<([String], Result<HTTPResponse, HTTPError>)?>(nil)
        try await onLoop { loop in
            let asked = Lock<[String]>([])
            try await ScriptedServer.run(on: loop) { connection, _ in
                let request = try await connection.request()
                asked.withLock { $0.append(String(request.prefix { $0 != "\r\n" })) }
                #expect(!request.hasPrefix("CONNECT") || !request.contains("Authorization"))
                let status = request.hasPrefix("CONNECT") ? "407 Who are you" : "200 OK"
                try await connection.say("HTTP/1.1 \(status)\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            } _: { proxy in
                var options = HTTPClient.Options.plain
                options.environment = environment.mapValues { $0.replacing("$P", with: proxy.url) }
                try await withHTTPClient(options, on: loop) { client in
                    var request = OutgoingRequest("GET", url, headers: ["Authorization": "Bearer x"])
                    request.usesProxy = usesProxy
                    let outcome: Result<HTTPResponse, HTTPError>
                    do throws(HTTPError) { outcome = .success(try await client.send(request)) } catch {
                        outcome = .failure(error)
                    }
                    found.withLock { $0 = (asked.withLock { $0 }, outcome) }
                }
            }
        }
        return try #require(found.withLock { $0 })
    }

    @Test(
        "uses the proxy that the environment names",
        arguments: [["http_proxy": "$P"], ["all_proxy": "$P"], ["ALL_PROXY": "$P", "no_proxy": "example.com"]])
    func plain(environment: [String: String]) async throws {
        let (asked, outcome) = try await ask("http://a.invalid/x?y", environment)
        #expect(asked == ["GET http://a.invalid/x?y HTTP/1.1"])
        #expect(try outcome.get().status == 200)
    }

    @Test(
        "sends TLS through a tunnel of the proxy, and reports when the proxy refuses",
        arguments: ["https_proxy", "HTTPS_PROXY"])
    func tunnel(name: String) async throws {
        let (asked, outcome) = try await ask("https://a.invalid/x", [name: "$P"])
        #expect(asked == ["CONNECT a.invalid:443 HTTP/1.1"])
        guard case .failure(let error) = outcome else { return _ = Issue.record("an answer came") }
        #expect(error.reason == .proxy)
        #expect(error.effect == .notSent)
        #expect(error.description.contains("407"))
    }

    @Test(
        "does not use the proxy where the environment excludes the server",
        arguments: [
            ["http_proxy": "$P", "no_proxy": "127.0.0.1"], ["http_proxy": "$P", "NO_PROXY": "x,127.0.0.0/8"],
            ["http_proxy": "$P", "no_proxy": "*"], ["https_proxy": "$P"], ["HTTP_PROXY": "$P"], ["http_proxy": ""],
        ])
    func past(environment: [String: String]) async throws {
        let (asked, outcome) = try await ask("http://127.0.0.1:1/", environment)
        #expect(asked == [])
        guard case .failure(let error) = outcome else { return _ = Issue.record("an answer came") }
        #expect(error.reason == .connection)
    }

    @Test("does not use the proxy for a request that excludes it")
    func link() async throws {
        let (asked, _) = try await ask("http://127.0.0.1:1/", ["http_proxy": "$P"], usesProxy: false)
        #expect(asked == [])
    }

    @Test("when the proxy cannot be reached, the error says that nothing was sent")
    func absent() async throws {
        let (_, outcome) = try await ask("http://a.invalid/", ["http_proxy": "http://no-such-proxy.invalid:3128"])
        guard case .failure(let error) = outcome else { return _ = Issue.record("an answer came") }
        #expect(error.reason == .proxy)
        #expect(error.effect == .notSent)
    }
}
