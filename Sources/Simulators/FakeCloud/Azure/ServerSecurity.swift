internal import HTTPTransport
internal import LinuxIO
internal import TLS
internal import Telemetry

/// A fake Azure's certificate, and its authority in a file for clients to trust.
struct ServerSecurity: Sendable {
    /// What the certificate is for.
    let name: String
    let tls: HTTPServer.TLS
    let authorityFile: String
    /// Made for the authority's file alone.
    private let directory: String?

    /// For the host's name in ``FakeAzureOptions/publicEndpoint``, or `localhost`.
    init(_ options: FakeAzureOptions) throws {
        name = ServerSecurity.host(of: options.publicEndpoint) ?? "localhost"
        let authorityFile = options.authorityFile
        if !options.certificateFile.isEmpty || !options.keyFile.isEmpty {
            // Whoever has a certificate has its authority as well: that file is only told of, not written.
            func read(_ path: String) throws -> String {
                String(decoding: try DurableFile.read(path, limit: 1 << 20), as: UTF8.self)
            }
            tls = HTTPServer.TLS(
                certificate: try read(options.certificateFile), key: Secret(try read(options.keyFile)))
            (directory, self.authorityFile) = (nil, authorityFile)
            return
        }
        let identity = try ServerIdentity.make(name: name, organization: "fake-azure")
        tls = HTTPServer.TLS(certificate: identity.server.certificate, key: identity.server.key)
        directory = authorityFile.isEmpty ? try Files.makeTemporaryDirectory(prefix: "/tmp/fake-azure-") : nil
        self.authorityFile = directory.map { "\($0)/authority.pem" } ?? authorityFile
        try Files.removeTree(self.authorityFile)
        try Files.write(identity.authority.utf8, to: self.authorityFile, at: 0, mode: 0o644)
    }

    /// Removes what was made.
    func removeFiles() {
        if let directory { try? Files.removeTree(directory) }
    }

    private static func host(of endpoint: String) -> String? {
        guard let start = endpoint.firstRange(of: "://")?.upperBound else { return nil }
        let host = endpoint[start...].prefix { $0 != ":" && $0 != "/" }
        return host.isEmpty ? nil : String(host)
    }
}

extension SocketAddress {
    /// 0 on a Unix socket, and where the kernel is to pick.
    var port: UInt16 { if case .tcp(_, let port) = self { port } else { 0 } }

    /// The same address with another port.
    func withPort(_ port: UInt16) -> SocketAddress {
        if case .tcp(let host, _) = self { .tcp(host: host, port: port) } else { self }
    }
}
