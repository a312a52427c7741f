internal import Controller
internal import HTTPTransport
internal import JSON
internal import Telemetry

/// The controller's HTTP endpoints for the kubelet, Prometheus and operators.
struct ControllerEndpoints: Sendable {
    let metrics: Metrics
    /// The report of this replica if it leads; otherwise the name of the leader, which is empty if there is none.
    let orphans: @Sendable () -> Result<OrphanReport, NotLeading>
    /// Why this replica cannot do its work, as a sentence without a period; nil if it can.
    let obstacle: @Sendable () -> String?

    /// This replica does not lead.
    struct NotLeading: Error {
        /// The leader's identity, which begins with the name of its pod; empty if it is not known.
        let leader: String
    }

    func answer(_ request: HTTPRequest) async -> HTTPResponse {
        guard ["GET", "HEAD"].contains(request.method) else {
            var refusal = HTTPResponse.text("method not allowed: use GET or HEAD\n", status: 405)
            refusal.headers["Allow"] = "GET, HEAD"
            return refusal
        }
        switch request.path {
        // An answer shows that the loop runs.
        case "/healthz": return .text("ok\n")
        case "/readyz": return obstacle().map { .text("\($0)\n", status: 503) } ?? .text("ok\n")
        case "/metrics":
            return HTTPResponse(
                status: 200, headers: ["Content-Type": "text/plain; version=0.0.4; charset=utf-8"],
                body: Array(metrics.render().utf8))
        // The report names pods of all namespaces. kubectl port-forward connects from the pod's own loopback address.
        case "/orphans" where !["127.0.0.1", "::1"].contains(request.peer):
            return .text("/orphans is answered only on the loopback address: use kubectl port-forward\n", status: 403)
        case "/orphans": return report
        default: return .text("not found: there are /healthz, /readyz, /metrics and /orphans\n", status: 404)
        }
    }

    private var report: HTTPResponse {
        switch orphans() {
        case .success(let report):
            return HTTPResponse(
                status: 200, headers: ["Content-Type": "application/json"],
                body: report.json.encoded(indent: 2) + [UInt8(ascii: "\n")])
        case .failure(let other):
            let pod = other.leader.prefix { $0 != "_" }
            let leader = pod.isEmpty ? "no replica leads now; ask again" : "ask the leader, the pod \(pod)"
            return .text("this replica does not lead and has no report: \(leader)\n", status: 503)
        }
    }
}
