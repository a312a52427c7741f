internal import LinuxIO
internal import TTRPC

/// The adaptor's socket. Calls use it as kata's shims do: with a separate connection for each call, or all calls of a
/// pod with one connection.
struct HypervisorSocket: Sendable {
    let path: String
    let loop: EpollLoop
    /// Whether ``withConnection(_:)`` dials once for all calls, as the Rust shim does.
    var keepsConnection = false
    private var client: Client?

    /// The time limit for connecting; on a unix socket the connection is accepted immediately or never.
    private static let patience = Duration.seconds(10)

    init(path: String, loop: EpollLoop, keepsConnection: Bool = false) {
        self.path = path
        self.loop = loop
        self.keepsConnection = keepsConnection
    }

    /// Gives `body` a socket whose calls use one connection, which is never dialed again; without ``keepsConnection``,
    /// this socket itself.
    ///
    /// - Throws: what the connection fails with.
    func withConnection<Result: Sendable>(
        _ body: @escaping @Sendable (HypervisorSocket) async -> Result
    ) async throws -> Result {
        guard keepsConnection else { return await body(self) }
        return try await Client.with(try await dial(), on: loop) { client in
            var connected = self
            connected.client = client
            return await body(connected)
        }
    }

    /// Makes one call. A cancellation closes the connection of a single call, as a shim does when it cancels a call.
    ///
    /// - Throws: ``PodFailure``, or `CancellationError`.
    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration? = nil
    ) async throws -> Response {
        do {
            if let client { return try await client.call(method, request, timeout: timeout, metadata: shimMetadata) }
            return try await Client.with(try await dial(), on: loop) { client in
                try await client.call(method, request, timeout: timeout, metadata: shimMetadata)
            }
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw PodFailure(method.fullName, error, on: path)
        }
    }

    private func dial() async throws -> Stream {
        try await Stream.connect(to: .unix(path: path), on: loop, deadline: .now + Self.patience)
    }
}

/// The metadata that kata's shim sends with every call.
let shimMetadata: Metadata = ["containerd-namespace-ttrpc": "k8s.io"]

extension Method {
    /// `service/name`, as in error messages.
    var fullName: String { "\(service)/\(name)" }
}
