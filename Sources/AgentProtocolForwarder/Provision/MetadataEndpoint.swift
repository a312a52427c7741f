internal import Configuration
internal import LinuxIO

/// The address of the VM's metadata service: `http://ADDRESS[:PORT][/PREFIX]`.
///
/// The address is numeric, because the VM has no resolver yet. There is no TLS: the service runs on the VM's own host,
/// and its answers are trusted only for starting the VM.
struct MetadataEndpoint: Equatable, Sendable, CustomStringConvertible {
    let address: SocketAddress
    /// The part before `/metadata`; empty, or begins with a slash and does not end with one.
    let prefix: String

    /// Azure's address, the same in every VM.
    static let azure = "http://169.254.169.254"

    init(parsing text: String) throws(ConfigurationError) {
        let refusal = ConfigurationError(
            "-imds-endpoint \(text.debugDescription) is not an endpoint: expected http:// and a numeric address, as in"
                + " \(Self.azure)")
        guard text.hasPrefix("http://"), text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { throw refusal }
        let rest = text.dropFirst("http://".count)
        let authority = rest.prefix { $0 != "/" }
        var path = String(rest.dropFirst(authority.count))
        while path.hasSuffix("/") { path.removeLast() }
        guard !authority.isEmpty, !path.contains("?"), !path.contains("#") else { throw refusal }
        let hasPort = authority.hasSuffix("]") ? false : authority.contains(":")
        do {
            address = try SocketAddress(parsing: hasPort ? String(authority) : "\(authority):80")
        } catch {
            throw refusal
        }
        prefix = path
    }

    /// The address without the prefix, which may be a secret of a test's cloud.
    var description: String { "\(address)" }
}

extension MetadataEndpoint {
    /// The request to a metadata service: `target` is a path, with its query.
    static func request(_ target: String, to host: String) -> String {
        """
        GET \(target) HTTP/1.0\r
        Host: \(host)\r
        Metadata: true\r
        User-Agent: agent-protocol-forwarder\r
        Connection: close\r
        \r

        """
    }

    /// Requests `target` once: a path below the prefix, with its query.
    ///
    /// - Throws: `SystemCallError`, ``HTTPResponseError`` (also for a body of more than `limit` bytes),
    /// `CancellationError`.
    func answer(to target: String, upTo limit: Int, on loop: EpollLoop) async throws -> HTTPResponseReader.Answer {
        let stream = try await Stream.connect(to: address, on: loop)
        defer { stream.close() }
        try await stream.write(Array(Self.request(prefix + target, to: "\(address)").utf8))
        var reader = HTTPResponseReader(bodyLimit: limit)
        while true {
            let bytes = try await stream.read(upTo: 16 << 10)
            if bytes.isEmpty { return try reader.finish() }
            if let answer = try reader.take(bytes) { return answer }
        }
    }
}
