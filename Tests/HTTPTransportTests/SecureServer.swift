import HTTPTransport
import LinuxIO
import TLS
import Testing

/// A server behind TLS, and the file with the authority it can be trusted by.
struct SecureServer: Sendable {
    let loop: EpollLoop
    let port: UInt16
    let authorityFile: String

    /// Serves under `name` while `body` runs, on one loop with a client of `options`.
    static func run(
        as name: String = "localhost", trusted: Bool = true, _ options: HTTPClient.Options = .plain,
        handler: @escaping @Sendable (HTTPRequest) async -> HTTPResponse = { .text("\($0.method) \($0.target)\n") },
        _ body: @escaping @Sendable (SecureServer, HTTPClient) async throws -> Void
    ) async throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/http-")
        defer { try? Files.removeTree(directory) }
        let identity = try ServerIdentity.make(name: name, organization: "tests")
        try DurableFile.write(Array(identity.authority.utf8), to: "\(directory)/ca.pem", mode: 0o600)
        var options = options
        if trusted { options.authorityFile = "\(directory)/ca.pem" }
        let tls = HTTPServer.TLS(certificate: identity.server.certificate, key: identity.server.key)
        try await withHTTPClient(options) { client, loop in
            let listener = try Listener.listen(on: .tcp(host: "127.0.0.1", port: 0), loop: loop)
            let server = try HTTPServer(on: listener, loop: loop, tls: tls, handler: handler)
            guard case .tcp(_, let port) = server.address else { return }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await server.run() }
                group.addTask {
                    try await body(SecureServer(loop: loop, port: port, authorityFile: "\(directory)/ca.pem"), client)
                }
                try await group.next()
                group.cancelAll()
                await #expect(throws: CancellationError.self) { try await group.next() }
            }
        }
    }
}
