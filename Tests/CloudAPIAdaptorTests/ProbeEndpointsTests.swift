import Doubles
import HTTPTransport
import LinuxIO
import PodVMLifecycle
import Probes
import Telemetry
import TestSupport
import Testing

@testable import CloudAPIAdaptor

@Suite("The probes")
struct ProbeEndpointsTests {
    private func endpoints(_ socket: String, on loop: EpollLoop, metrics: Metrics = Metrics()) -> ProbeEndpoints {
        let supervisor = SandboxSupervisor(
            store: MemoryStore(), provider: ScriptedCloud(), connector: ScriptedConnector(), clock: ManualClock(),
            metrics: metrics)
        return .serving(hypervisorSocket: socket, supervisor: supervisor, metrics: metrics, loop: loop)
    }

    @Test("startup succeeds when the hypervisor socket accepts connections, and says why when it does not")
    func startup() async throws {
        let directory = try TemporaryDirectory()
        try await onLoop { loop in
            let path = directory.path + "/h.sock"
            let endpoints = endpoints(path, on: loop)
            let before = await endpoints.answer(HTTPRequest(method: "GET", target: "/startup"))
            #expect(before.status == 500)
            #expect(
                String(decoding: before.body, as: UTF8.self).contains("\(path) does not accept connections: connect"))
            let listener = try Listener.listen(on: .unix(path: path), loop: loop)
            #expect(await endpoints.answer(HTTPRequest(method: "GET", target: "/startup?x=y")).status == 200)
            listener.close()
            #expect(await endpoints.answer(HTTPRequest(method: "GET", target: "/startup")).status == 500)
        }
    }

    @Test("health and metrics answer, and other paths do not")
    func others() async throws {
        try await onLoop { loop in
            let metrics = Metrics()
            metrics.counter("tries_total", "Tries.").increment()
            let endpoints = endpoints("/nowhere", on: loop, metrics: metrics)
            let health = await endpoints.answer(HTTPRequest(method: "GET", target: "/healthz"))
            #expect(health.status == 200)
            let answer = await endpoints.answer(HTTPRequest(method: "GET", target: "/metrics"))
            #expect(answer.headers["content-type"]?.hasPrefix("text/plain; version=0.0.4") == true)
            let text = String(decoding: answer.body, as: UTF8.self)
            #expect(text.contains("\ntries_total 1\n"))
            #expect(text.contains("peerpods_sandboxes"))
            #expect(await endpoints.answer(HTTPRequest(method: "GET", target: "/")).status == 404)
            #expect(await endpoints.answer(HTTPRequest(method: "HEAD", target: "/healthz")).status == 200)
            let refused = await endpoints.answer(HTTPRequest(method: "PUT", target: "/metrics"))
            #expect(refused.status == 405)
            #expect(refused.headers["Allow"] == "GET, HEAD")
        }
    }

    @Test("startup and health succeed in standby, and say that it is a standby")
    func standby() async throws {
        try await onLoop { _ in
            for path in ["/startup", "/healthz"] {
                let answer = await ProbeEndpoints.standby(metrics: Metrics())
                    .answer(HTTPRequest(method: "GET", target: path))
                #expect(answer.status == 200)
                #expect(answer.body == Array("standby\n".utf8))
            }
        }
    }
}
