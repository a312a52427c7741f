import HTTPTransport
import JSON
import Kubernetes
import LinuxIO
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@testable import ControllerProgram

@Suite("The controller's endpoints")
struct ControllerEndpointsTests {
    private func endpoints(leader: String = "", obstacle: String? = nil) -> ControllerEndpoints {
        ControllerEndpoints(
            metrics: Metrics(), orphans: { .failure(.init(leader: leader)) }, obstacle: { obstacle })
    }

    private func answer(
        _ endpoints: ControllerEndpoints, _ method: String, _ target: String, from peer: String = "127.0.0.1"
    ) async -> (status: Int, text: String) {
        let response = await endpoints.answer(HTTPRequest(method: method, target: target, peer: peer))
        return (response.status, String(decoding: response.body, as: UTF8.self))
    }

    @Test("the report is answered only on the loopback address, because it names pods of all namespaces")
    func loopbackOnly() async {
        for peer in ["10.0.0.4", "::ffff:127.0.0.2", ""] {
            #expect(await answer(endpoints(), "GET", "/orphans", from: peer).status == 403)
        }
        #expect(await answer(endpoints(leader: "one-controller-x_1"), "GET", "/orphans", from: "::1").status == 503)
    }

    @Test("a replica that does not lead names the pod that leads, if there is one")
    func notLeading() async {
        let other = await answer(endpoints(leader: "one-controller-x_1"), "GET", "/orphans")
        #expect(other.text.hasSuffix("ask the leader, the pod one-controller-x\n"))
        #expect(await answer(endpoints(), "GET", "/orphans").text.hasSuffix("no replica leads now; ask again\n"))
    }

    @Test("a replica without a certificate for the webhook is not ready, and lives")
    func readiness() async {
        let waiting = endpoints(obstacle: "the webhook has no certificate yet")
        #expect(await answer(waiting, "GET", "/readyz").status == 503)
        #expect(await answer(waiting, "GET", "/healthz").status == 200)
        #expect(await answer(endpoints(), "GET", "/readyz").status == 200)
    }

    @Test("has the metrics, and answers HEAD as GET")
    func metrics() async {
        #expect(await answer(endpoints(), "GET", "/metrics").status == 200)
        #expect(await answer(endpoints(), "HEAD", "/healthz").status == 200)
    }

    @Test("other methods and paths are refused")
    func refused() async {
        #expect(await answer(endpoints(), "POST", "/orphans").status == 405)
        let other = await answer(endpoints(), "GET", "/other")
        #expect(other.status == 404)
        #expect(other.text == "not found: there are /healthz, /readyz, /orphans and /metrics\n")
    }

    @Test("the webhook refuses what is not a review, and permits other kinds unchanged")
    func webhook() async throws {
        try await onLoop { loop in
            let metrics = Metrics()
            let clock = LoopClock(loop: loop)
            let client = KubernetesClient(
                ClusterAccess(endpoint: "http://127.0.0.1:1", authorityFile: nil, tokenFile: "/none"),
                sender: try HTTPClient(on: loop), clock: clock)
            let keeper = CertificateKeeper(
                client, secret: "s", in: "n", configuration: "c",
                plan: ServingCertificatePlan(service: "s", namespace: "n"), clock: clock)
            let webhook = try ControllerWebhook(
                WebhookSettings(), keeper: keeper, on: loop, logger: .silent, metrics: metrics)
            func status(
                _ method: String = "POST", _ path: String = "/mutate-v1-pod", type: String = "application/json",
                _ body: String = "{}"
            ) -> Int {
                webhook.answer(
                    HTTPRequest(
                        method: method, target: path, headers: ["Content-Type": type], body: Array(body.utf8))
                ).status
            }
            #expect(status("GET") == 405 && status("POST", "/") == 404 && status(type: "text/plain") == 415)
            #expect(status() == 400 && status("POST", "/mutate-v1-pod", "{") == 400)
            let review = #"{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":{"uid":"u"}}"#
            #expect(status("POST", "/mutate-v1-pod", type: "application/json; charset=utf-8", review) == 200)
            #expect(metrics.render().contains(#"peerpods_webhook_reviews_total{outcome="unchanged"} 1"#))
            #expect(metrics.render().contains(#"peerpods_webhook_reviews_total{outcome="malformed"} 2"#))
            #expect(webhook.obstacle != nil)
        }
    }
}
