internal import LinuxIO
internal import TTRPC

/// The adaptor's socket, called as kata's shim calls it: a connection of its own for each call.
struct HypervisorSocket: Sendable {
    let path: String
    let loop: EpollLoop

    /// How long a connection may take to be accepted; on a unix socket it is at once or never.
    private static let patience = Duration.seconds(10)

    /// Makes one call. Cancelling it hangs up, which is how a shim says that it gave up.
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

/// What kata's shim sends along with every call.
let shimMetadata: Metadata = ["containerd-namespace-ttrpc": "k8s.io"]

extension Method {
    /// `service/name`, as errors name it.
    var fullName: String { "\(service)/\(name)" }
}
