import FakeKubernetes
import HTTPTransport
import JSON
import LinuxIO
import TestSupport
import Testing

@Suite("The control endpoint of the fake API server")
struct ControlEndpointTests {
    private func send(
        _ method: String, _ target: String, _ body: String = "", token: String = "admin",
        from peer: String = "127.0.0.1",
        to cluster: FakeKubernetes
    ) async -> (status: Int, body: String) {
        let answer = await cluster.answer(
            HTTPRequest(
                method: method, target: target, headers: ["Authorization": "Bearer \(token)"], body: Array(body.utf8),
                peer: peer))
        return (answer.status, String(decoding: answer.body, as: UTF8.self))
    }

    @Test("takes a scenario whose faults happen to the requests that they describe, and to no others")
    func scenario() async throws {
        try await onLoop { loop in
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            cluster.addNode("node-1")
            let text = """
                {"faults": [{"verb": "get", "resource": "nodes", "name": "node-*", "first": 1, "do": "refuse", "status": 503,
                             "reason": "ServiceUnavailable", "message": "no leader", "retry-after": 3},
                            {"verb": "list", "do": "expire"}],
                 "missing": ["leases"]}
                """
            #expect(await send("PUT", "/control/scenario", text, to: cluster).status == 200)
            #expect(await send("GET", "/control/scenario", to: cluster).body == text)
            let refused = await send("GET", "/api/v1/nodes/node-1", to: cluster)
            #expect(refused.status == 503 && refused.body.contains("no leader"))
            #expect(refused.body.contains(#""retryAfterSeconds":3"#))
            #expect(await send("GET", "/api/v1/nodes/node-1", to: cluster).status == 200)
            #expect(await send("GET", "/api/v1/namespaces/default", to: cluster).status == 200)
            #expect(await send("GET", "/api/v1/nodes", to: cluster).status == 410)
            let leases = "/apis/coordination.k8s.io/v1/namespaces/default/leases/l"
            #expect(await send("GET", leases, to: cluster).body == "404 page not found\n")
            #expect(await send("DELETE", "/control/scenario", to: cluster).status == 200)
            #expect(await send("GET", "/api/v1/nodes", to: cluster).status == 200)
            #expect(await send("GET", leases, to: cluster).body.contains("NotFound"))
            let requests = await send("GET", "/control/requests", to: cluster).body
            #expect(requests.contains(#""admin get /api/v1/nodes/node-1","admin get /api/v1/nodes/node-1""#))
        }
    }

    @Test(
        "refuses a scenario with a word that would have no effect, and keeps the one that it has",
        arguments: [
            ("", "the scenario is not taken"), ("[]", "expected an object"), (#"{"fault": []}"#, "fault: is not known"),
            (#"{"faults": [{"verb": "look", "do": "hang"}]}"#, "must be one of *, get"),
            (#"{"faults": [{"do": "burn"}]}"#, "must be one of refuse"), (#"{"faults": [{}]}"#, "status: is missing"),
            (#"{"faults": [{"status": 200}]}"#, "must be from 400 to 599"),
            (#"{"faults": [{"status": 500, "percent": 101}]}"#, "must be from 0 to 100"),
            (#"{"missing": ["peerpod"]}"#, "missing[0]: is not the plural"),
        ])
    func badScenario(text: String, words: String) async throws {
        try await onLoop { loop in
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            let good = #"{"missing": ["pods"]}"#
            _ = await send("PUT", "/control/scenario", good, to: cluster)
            let answer = await send("PUT", "/control/scenario", text, to: cluster)
            #expect(answer.status == 400 && answer.body.contains(words), "\(answer)")
            #expect(await send("GET", "/control/scenario", to: cluster).body == good)
        }
    }

    @Test("gives a user a token and rights, replaces both, and removes the user")
    func users() async throws {
        try await onLoop { loop in
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            cluster.addNode("node-1")
            let user = "/control/users/system:serviceaccount:a:b"
            #expect(await send("PUT", user, #"{"token": "t1", "rights": ["get nodes"]}"#, to: cluster).status == 200)
            func read(_ token: String, _ target: String = "/api/v1/nodes/node-1") async -> Int {
                await send("GET", target, token: token, to: cluster).status
            }
            #expect(await read("t1") == 200)
            #expect(await read("t1", "/api/v1/nodes") == 403)
            #expect(await send("PUT", user, #"{"token": "t2", "rights": ["list *"]}"#, to: cluster).status == 200)
            #expect(await read("t1") == 401)
            #expect(await read("t2") == 403)
            #expect(await read("t2", "/api/v1/nodes") == 200)
            for body in [
                #"{"token": "t3"}"#, #"{"token": "", "rights": []}"#, #"{"token": "t3", "rights": ["get"]}"#,
                #"{"token": "admin", "rights": []}"#, #"{"token": "t3", "rights": [], "x": 1}"#,
            ] {
                #expect(await send("PUT", user, body, to: cluster).status == 400, "\(body)")
            }
            #expect(
                await send("PUT", "/control/users/admin", #"{"token": "x", "rights": []}"#, to: cluster).status == 400)
            #expect(await send("DELETE", user, to: cluster).status == 200)
            #expect(await read("t2") == 401)
        }
    }

    @Test("is only for the administrator, on the same machine")
    func admission() async throws {
        try await onLoop { loop in
            let cluster = FakeKubernetes(adminToken: "admin", on: loop)
            _ = await send("PUT", "/control/users/u", #"{"token": "t", "rights": ["* *"]}"#, to: cluster)
            #expect(await send("GET", "/control/requests", token: "t", to: cluster).status == 403)
            #expect(await send("GET", "/control/requests", token: "x", to: cluster).status == 401)
            #expect(await send("GET", "/control/requests", from: "10.0.0.1", to: cluster).status == 403)
            #expect(await send("GET", "/control/requests", from: "::1", to: cluster).status == 200)
            #expect(await send("POST", "/control/scenario", to: cluster).status == 404)
        }
    }
}
