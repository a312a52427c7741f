internal import HTTPTransport
internal import LinuxIO
internal import TLS
internal import Telemetry

/// The TLS certificate of a fake Azure, and a file with its authority for clients to trust.
struct ServerSecurity: Sendable {
    /// The name in the certificate.
    let name: String
    let tls: HTTPServer.TLS
    let authorityFile: String
    /// The temporary directory of the authority's file.
    private let directory: String?

    /// A certificate for the host's name in ``FakeAzureOptions/publicEndpoint``, or for `localhost`.
    init(_ options: FakeAzureOptions) throws {
        name = ServerSecurity.host(of: options.publicEndpoint) ?? "localhost"
        let authorityFile = options.authorityFile
        if !options.certificateFile.isEmpty || !options.keyFile.isEmpty {
            // An operator's own certificate has an authority of its own: the path is passed on, and the file is not
            // written.
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

    /// Removes the files that it created.
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
    /// The port; 0 on a Unix socket, and where the kernel chooses.
    var port: UInt16 { if case .tcp(_, let port) = self { port } else { 0 } }

    /// The same address with another port.
    func withPort(_ port: UInt16) -> SocketAddress {
        if case .tcp(let host, _) = self { .tcp(host: host, port: port) } else { self }
    }
}
