import HTTPTransport
import LinuxIO
import TLS
import Telemetry
import TestSupport
import Testing

/// OpenSSL's own server, which requires a certificate that it knows.
@Suite("HTTP client with a certificate")
struct ClientCertificateTests {
    private static let openssl = "/usr/bin/openssl"

    /// Runs the server; `body` gets its port and the authority.
    private func serve(
        trusting client: CertifiedKey, _ body: @escaping @Sendable (UInt16, String, EpollLoop) async throws -> Void
    ) async throws {
        let directory = try TemporaryDirectory()
        let identity = try ServerIdentity.make(name: "localhost", organization: "tests")
        let chain = try directory.write(identity.server.certificate, to: "server.pem")
        let key = try directory.write(identity.server.key.reveal(), to: "key.pem")
        let trusted = try directory.write(client.certificate, to: "client.pem")
        try await onLoop(within: .seconds(60)) { loop in
            var options = ChildProcess.Options(
                executable: Self.openssl,
                arguments: [
                    "s_server", "-accept", "127.0.0.1:0", "-cert", chain, "-key", key, "-CAfile", trusted, "-Verify",
                    "1",
                    "-verify_return_error", "-www",
                ])
            options.output = .pipe
            options.error = .null
            let server = try ChildProcess.start(options, on: loop)
            defer { server.signal(9) }
            var said = ""
            var port: UInt16?
            while port == nil {
                let bytes = try await server.output?.read(upTo: 4096) ?? []
                try #require(!bytes.isEmpty, "openssl said: \(said)")
                said += String(decoding: bytes, as: UTF8.self)
                let words = said.split(whereSeparator: \.isWhitespace)
                if let word = words.first(where: { $0.hasPrefix("127.0.0.1:") }), said.hasSuffix("\n") {
                    port = UInt16(word.dropFirst("127.0.0.1:".count))
                }
            }
            try await body(try #require(port), identity.authority, loop)
        }
    }

    private func get(
        _ port: UInt16, _ authority: String, _ certificate: CertifiedKey?, key: CertifiedKey? = nil, on loop: EpollLoop
    ) async throws -> HTTPResponse {
        var options = HTTPClient.Options.plain
        options.authorities = authority
        if let certificate {
            options.clientCertificate = .init(chain: certificate.certificate, key: (key ?? certificate).key)
        }
        // The name in the server's certificate is not its address.
        options.connection = .init(host: "127.0.0.1", port: Int(port))
        let answer = Lock<HTTPResponse?>(nil)
        try await withHTTPClient(options, on: loop) { client in
            let response = try await client.send(OutgoingRequest("GET", "https://localhost/"))
            answer.withLock { $0 = response }
        }
        return try #require(answer.withLock { $0 })
    }

    @Test(
        "shows its certificate to a server that requires one, and fails without it or with another one",
        .enabled(if: Files.isExecutable(Self.openssl), "needs Debian's openssl"))
    func certificate() async throws {
        let (client, other) = (
            try CertifiedKey.makeClient(organization: "one"), try CertifiedKey.makeClient(organization: "two")
        )
        try await serve(trusting: client) { port, authority, loop in
            let first = try await get(port, authority, client, on: loop)
            #expect(first.status == 200)
            await #expect(throws: HTTPError.self) { try await get(port, authority, nil, on: loop) }
            await #expect(throws: HTTPError.self) { try await get(port, authority, other, on: loop) }
            let error = await #expect(throws: HTTPError.self) {
                try await get(port, authority, client, key: other, on: loop)
            }
            #expect(error?.effect == .notSent && error?.description.contains("PRIVATE") == false)
            let last = try await get(port, authority, client, on: loop)
            #expect(last.status == 200, "the server goes on")
        }
    }
}
