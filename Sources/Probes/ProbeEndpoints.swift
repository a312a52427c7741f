package import HTTPTransport
package import LinuxIO
package import Telemetry

/// The HTTP endpoints of a daemon for the kubelet, Prometheus and operators: `/startup`, `/healthz` and `/metrics`.
package struct ProbeEndpoints: Sendable {
    private let metrics: Metrics
    private let startup: @Sendable () async -> HTTPResponse
    private let health: @Sendable () -> HTTPResponse

    /// The endpoints of a daemon whose state `startup` and `health` answer.
    package init(
        metrics: Metrics, startup: @escaping @Sendable () async -> HTTPResponse,
        health: @escaping @Sendable () -> HTTPResponse
    ) {
        self.metrics = metrics
        self.startup = startup
        self.health = health
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

    /// The answer to a request.
    package func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard ["GET", "HEAD"].contains(request.method) else {
            var refusal = HTTPResponse.text("method not allowed: use GET or HEAD\n", status: 405)
            refusal.headers["Allow"] = "GET, HEAD"
            return refusal
        }
        switch request.path {
        case "/startup": return await startup()
        case "/healthz": return health()
        case "/metrics":
            return HTTPResponse(
                status: 200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                body: Array(metrics.render().utf8))
        default: return .text("not found: there are /startup, /healthz and /metrics\n", status: 404)
        }
    }
}
