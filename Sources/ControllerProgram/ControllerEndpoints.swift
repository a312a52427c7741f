internal import Controller
internal import HTTPTransport
internal import JSON
internal import Probes
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

    /// The answer to a request.
    func answer(_ request: HTTPRequest) async -> HTTPResponse { await endpoints.answer(request) }

    private var endpoints: ProbeEndpoints {
        ProbeEndpoints(
            metrics: metrics,
            handlers: [
                // An answer shows that the loop runs.
                "/healthz": { _ in .text("ok\n") },
                "/readyz": { _ in obstacle().map { .text("\($0)\n", status: 503) } ?? .text("ok\n") },
                "/orphans": { request in
                    // The report names pods of all namespaces. kubectl port-forward connects from the pod's own loopback
                    // address.
                    guard ["127.0.0.1", "::1"].contains(request.peer) else {
                        return .text(
                            "/orphans is answered only on the loopback address: use kubectl port-forward\n", status: 403
                        )
                    }
                    return report
                },
            ])
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
