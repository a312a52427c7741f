internal import LinuxIO
internal import TTRPC

/// The adaptor's socket. Calls use it as kata's shim does: a separate connection for each call.
struct HypervisorSocket: Sendable {
    let path: String
    let loop: EpollLoop

    /// The time limit for connecting; on a unix socket the connection is accepted immediately or never.
    private static let patience = Duration.seconds(10)

    /// Makes one call. A cancellation closes the connection, as a shim does when it cancels a call.
    ///
    /// - Throws: ``PodFailure``, or `CancellationError`.
    func call<Request: Message, Response: Message>(
        _ method: Method<Request, Response>, _ request: Request, timeout: Duration? = nil
    ) async throws -> Response {
        do {
            let stream = try await Stream.connect(to: .unix(path: path), on: loop, deadline: .now + Self.patience)
            return try await Client.with(stream, on: loop) { client in
                try await client.call(method, request, timeout: timeout, metadata: shimMetadata)
            }
        } catch {
            if Task.isCancelled { throw CancellationError() }
            throw PodFailure(method.fullName, error, on: path)
        }
    }
}

/// The metadata that kata's shim sends with every call.
let shimMetadata: Metadata = ["containerd-namespace-ttrpc": "k8s.io"]

extension Method {
    /// `service/name`, as in error messages.
    var fullName: String { "\(service)/\(name)" }
}
