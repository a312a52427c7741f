import HTTPTransport
import LinuxIO
import TLS
import TestSupport
import Testing

@Suite("HTTP client and TLS")
struct ClientSecurityTests {
    @Test("trusts a server whose authority is configured, and reuses the connection")
    func trusted() async throws {
        let body = [UInt8](repeating: 7, count: 300_000)
        try await SecureServer.run { request in
            HTTPResponse(status: 200, headers: ["X-Peer": request.peer], body: request.body)
        } _: { server, client in
            for _ in 0..<3 {
                let answer = try await client.send(.init("PUT", "https://localhost:\(server.port)/x", body: body))
                #expect(answer.status == 200)
                #expect(answer.headers["X-Peer"] == "127.0.0.1")
                #expect(answer.body == body)
            }
        }
    }

    @Test("finds the authority with the environment variable too", arguments: ["CURL_CA_BUNDLE", "SSL_CERT_FILE"])
    func environment(name: String) async throws {
        try await SecureServer.run(trusted: false) { server, _ in
            var options = HTTPClient.Options.plain
            options.environment = [name: server.authorityFile]
            try await withHTTPClient(options, on: server.loop) { client in
                let answer = try await client.send(.init("GET", "https://localhost:\(server.port)/"))
                #expect(answer.status == 200)
            }
        }
    }

    @Test("refuses a server of an unknown authority before it has sent a byte")
    func untrusted() async throws {
        try await SecureServer.run(trusted: false) { server, client in
            let error = await #expect(throws: HTTPError.self) {
                try await client.send(.init("GET", "https://localhost:\(server.port)/"))
            }
            #expect(error?.reason == .security)
            #expect(error?.effect == .notSent)
            #expect(error?.description.hasPrefix("localhost:\(server.port): ") == true)
        }
    }

    @Test("refuses a server of another name")
    func otherName() async throws {
        try await SecureServer.run(as: "elsewhere") { server, client in
            let error = await #expect(throws: HTTPError.self) {
                try await client.send(.init("GET", "https://localhost:\(server.port)/"))
            }
            #expect(error?.reason == .security)
            #expect(error?.effect == .notSent)
        }
    }

    @Test("reports that the file of authorities cannot be used")
    func noAuthority() async throws {
        var options = HTTPClient.Options.plain
        options.authorityFile = "/nonexistent/ca.pem"
        try await SecureServer.run(trusted: false, options) { server, client in
            let error = await #expect(throws: HTTPError.self) {
                try await client.send(.init("GET", "https://localhost:\(server.port)/"))
            }
            #expect(error?.reason == .security)
            #expect(error?.description.contains("/nonexistent/ca.pem") == true)
        }
    }

    @Test("when a server closes the connection without an answer, the error says that the effect is unknown")
    func disconnect() async throws {
        try await SecureServer.run { _ in
            .disconnect
        } _: { server, client in
            let error = await #expect(throws: HTTPError.self) {
                try await client.send(.init("GET", "https://localhost:\(server.port)/"))
            }
            #expect(error?.reason == .brokenAnswer)
            #expect(error?.effect == .unknown)
        }
    }

    @Test("a server does not start with a certificate that it cannot use")
    func unusable() async throws {
        let (one, other) = (
            try ServerIdentity.make(name: "a", organization: "tests"),
            try ServerIdentity.make(name: "b", organization: "tests")
        )
        try await onLoop { loop in
            for tls in [
                HTTPServer.TLS(certificate: "none", key: one.server.key),
                HTTPServer.TLS(certificate: one.server.certificate, key: other.server.key),
            ] {
                let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
                #expect(throws: HTTPServer.UnusableCertificate.self) {
                    try HTTPServer(on: listener, loop: loop, tls: tls) { _ in .text("") }
                }
            }
        }
    }
}
