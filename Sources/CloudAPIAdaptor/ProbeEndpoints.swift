internal import HTTPTransport
internal import Kubernetes
internal import LinuxIO
internal import PodVMLifecycle
internal import Telemetry

/// The adaptor's HTTP endpoints for the kubelet, Prometheus and operators.
struct ProbeEndpoints: Sendable {
    let metrics: Metrics
    let startup: @Sendable () async -> HTTPResponse
    let health: @Sendable () -> HTTPResponse

    /// The probes of an adaptor that serves the shims.
    static func serving(
        hypervisorSocket: String, supervisor: SandboxSupervisor, metrics: Metrics,
        features: ClusterFeatures = ClusterFeatures(), loop: EpollLoop
    ) -> ProbeEndpoints {
        ProbeEndpoints(
            metrics: metrics, startup: { await reach(hypervisorSocket, features, on: loop) },
            // An answer shows that the loop runs and that the supervisor's lock is free.
            health: { .text("ok, \(supervisor.sandboxes().count) sandboxes\n") })
    }

    /// The probes of an adaptor that waits for another one to end. They succeed: Kubernetes ends the old pod of a
    /// DaemonSet only when the new pod is ready.
    static func standby(metrics: Metrics) -> ProbeEndpoints {
        ProbeEndpoints(
            metrics: metrics, startup: { .text("standby\n") }, health: { .text("standby\n") })
    }

    /// The timeout of a connection to the hypervisor socket.
    private static let connectTimeout = Duration.seconds(1)

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
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

    /// Whether the hypervisor socket accepts connections. What is missing at the API server is named, and is no failure.
    private static func reach(
        _ socket: String, _ features: ClusterFeatures, on loop: EpollLoop
    ) async -> HTTPResponse {
        do {
            let connection = try await Stream.connect(
                to: .unix(path: socket), on: loop, deadline: .now.advanced(by: connectTimeout))
            connection.close()
            return .text("ok\n" + features.missing.map { "missing: \($0)\n" }.joined())
        } catch {
            return .text("the hypervisor socket \(socket) does not accept connections: \(error)\n", status: 500)
        }
    }
}
