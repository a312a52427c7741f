package import HTTPTransport
package import LinuxIO
package import Telemetry

/// The HTTP endpoints of a daemon for the kubelet, Prometheus and operators: `/metrics`, and the paths that the daemon adds.
package struct ProbeEndpoints: Sendable {
    /// Answers a GET or HEAD request of one path.
    package typealias Handler = @Sendable (HTTPRequest) async -> HTTPResponse

    private let metrics: Metrics
    private let handlers: KeyValuePairs<String, Handler>

    /// The endpoints of a daemon that answers the paths of `handlers`, such as `/healthz`, and `/metrics`.
    package init(metrics: Metrics, handlers: KeyValuePairs<String, Handler>) {
        self.metrics = metrics
        self.handlers = handlers
    }

    /// A server of these endpoints on this port of 127.0.0.1; 0: any free port.
    ///
    /// Several processes can listen on the port, so that a new process can be probed while the old process serves and ends.
    ///
    /// - Throws: what listening fails with.
    package func serve(onPort port: Int, loop: EpollLoop, logger: Logger) throws -> HTTPServer {
        let listener = try Listener.listen(
            on: .tcp(host: "127.0.0.1", port: UInt16(clamping: port)), loop: loop, sharesPort: true)
        return try HTTPServer(on: listener, loop: loop, logger: logger, handler: answer)
    }

    /// The answer to a request. Other methods than GET and HEAD are refused, and other paths are not found.
    package func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard ["GET", "HEAD"].contains(request.method) else {
            var refusal = HTTPResponse.text("method not allowed: use GET or HEAD\n", status: 405)
            refusal.headers["Allow"] = "GET, HEAD"
            return refusal
        }
        if let handler = handlers.first(where: { $0.key == request.path })?.value { return await handler(request) }
        guard request.path == "/metrics" else {
            let paths = handlers.map(\.key).joined(separator: ", ")
            return .text("not found: there are \(paths) and /metrics\n", status: 404)
        }
        return HTTPResponse(
            status: 200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
            body: Array(metrics.render().utf8))
    }
}
