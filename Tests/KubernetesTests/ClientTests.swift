import Doubles
import HTTPTransport
import JSON
import Kubernetes
import TestSupport
import Testing

@Suite("Kubernetes client")
struct ClientTests {
    private static let node = ObjectName(.nodes, "node-1")

    @Test("each call has the path, the verb and the content type of the API")
    func shapes() async throws {
        let rig = try ClientRig(Array(repeating: .json(200, ["kind": "x"]), count: 6))
        _ = try await rig.client.get(Self.node)
        _ = try await rig.client.get(ObjectName(.pods, "a/b", in: "default"))
        _ = try await rig.client.create(
            ["metadata": ["generateName": "p-"]], of: .peerPods, in: "team")
        try await rig.client.mergePatch(Self.node, subresource: "status", ["status": [:]])
        try await rig.client.jsonPatch(Self.node, subresource: "status", [["op": "remove", "path": "/x"]])
        try await rig.client.delete(ObjectName(.peerPods, "p", in: "team"))
        #expect(
            rig.server.targets == [
                "GET /api/v1/nodes/node-1", "GET /api/v1/namespaces/default/pods/a%2Fb",
                "POST /apis/confidentialcontainers.org/v1alpha1/namespaces/team/peerpods",
                "PATCH /api/v1/nodes/node-1/status", "PATCH /api/v1/nodes/node-1/status",
                "DELETE /apis/confidentialcontainers.org/v1alpha1/namespaces/team/peerpods/p",
            ])
        #expect(
            rig.server.requests.map { $0.headers["Content-Type"] } == [
                nil, nil, "application/json", "application/merge-patch+json", "application/json-patch+json", nil,
            ])
        #expect(rig.tokens.allSatisfy { $0 == "Bearer t1" })
        #expect(rig.server.requests.allSatisfy { !$0.usesProxy })
    }

    @Test("after 401 the file's new token is used, once")
    func rotatedToken() async throws {
        let rig = try ClientRig([.json(200, [:]), .status(401, "Unauthorized"), .json(200, ["kind": "Node"])])
        _ = try await rig.client.get(Self.node)
        _ = try rig.directory.write("t2", to: "token")
        _ = try await rig.client.get(Self.node)
        #expect(rig.tokens == ["Bearer t1", "Bearer t1", "Bearer t2"])
    }

    @Test("401 with the token that the file has is an error at once")
    func refusedToken() async throws {
        let rig = try ClientRig([.status(401, "Unauthorized"), .json(200, [:])])
        #expect(await KubernetesError.Kind.of { _ = try await rig.client.get(Self.node) } == .unauthorized)
        #expect(rig.server.requests.count == 1)
    }

    @Test(
        "a failure has the kind of its code and reason",
        arguments: [
            (403, "Forbidden", .forbidden), (404, "NotFound", .notFound), (409, "Conflict", .conflict),
            (409, "AlreadyExists", .alreadyExists), (410, "Expired", .expired), (415, "UnsupportedMediaType", .invalid),
            (422, "Invalid", .invalid), (400, "BadRequest", .invalid),
        ] as [(Int, String, KubernetesError.Kind)])
    func kinds(code: Int, reason: String, kind: KubernetesError.Kind) async throws {
        let rig = try ClientRig([.status(code, reason, ["causes": [["reason": "C"]]], ["Audit-Id": "a-1"])])
        let error = await #expect(throws: KubernetesError.self) { _ = try await rig.client.get(Self.node) }
        #expect(error?.kind == kind)
        #expect(error?.reason == reason)
        #expect(error?.causes == ["C"])
        #expect(error?.status == code)
        #expect(error?.description.contains("a-1") == true)
        #expect(rig.server.requests.count == 1)
    }

    @Test("a body that is not a Status object still gives the kind and a printable message")
    func notJSON() async throws {
        let page = HTTPResponse(status: 404, body: Array("404 page\u{1b}[31m not found\n".utf8))
        let rig = try ClientRig([.answer(page)])
        let error = await #expect(throws: KubernetesError.self) { _ = try await rig.client.get(Self.node) }
        #expect(error?.kind == .notFound)
        #expect(error?.message == "404 page [31m not found ")
    }

    @Test("429 waits as long as the header or the Status object says, and tries again")
    func throttled() async throws {
        let rig = try ClientRig([
            .status(429, "TooManyRequests", [:], ["Retry-After": "3"]),
            .status(429, "TooManyRequests", ["retryAfterSeconds": 5]), .json(200, ["kind": "Node"]),
        ])
        _ = try await rig.client.get(Self.node)
        #expect(rig.clock.naps == [.seconds(3), .seconds(5)])
    }

    @Test("a wait that is longer than the call may take is not made")
    func patience() async throws {
        let rig = try ClientRig([.status(429, "TooManyRequests", [:], ["Retry-After": "60"]), .json(200, [:])])
        #expect(await KubernetesError.Kind.of { _ = try await rig.client.get(Self.node) } == .throttled)
        #expect(rig.clock.slept == .zero)
    }

    @Test("a server that does not listen is tried again, within the time of a call")
    func unreachable() async throws {
        let rig = try ClientRig([])
        #expect(await KubernetesError.Kind.of { _ = try await rig.client.get(Self.node) } == .unreachable)
        #expect(rig.server.requests.count == 5)
        #expect(rig.clock.slept < .seconds(30))
    }

    @Test("a JSON patch whose answer was lost is repeated only if the caller permits it, a merge patch always")
    func lostAnswers() async throws {
        let lost = ScriptedAPIServer.Reply.fail(HTTPError(.unknown, .brokenAnswer, "api.test:6443 hung up"))
        let json = try ClientRig([lost, .json(200, [:])])
        let kind = await KubernetesError.Kind.of { try await json.client.jsonPatch(Self.node, [["op": "remove"]]) }
        #expect(kind == .unreachable)
        let repeated = try ClientRig([lost, .json(200, [:])])
        try await repeated.client.jsonPatch(Self.node, mayRepeat: true, [["op": "remove"]])
        #expect(repeated.server.requests.count == 2)
        let merge = try ClientRig([lost, .json(200, [:])])
        try await merge.client.mergePatch(Self.node, [:])
        #expect(merge.server.requests.count == 2)
    }

    @Test("an object of more than the limit is refused")
    func large() async throws {
        var limits = KubernetesClient.Limits()
        limits.object = 1000
        let body: JSONValue = ["data": .string(String(repeating: "x", count: 2000))]
        let rig = try ClientRig([.json(200, body)], limits: limits)
        #expect(await KubernetesError.Kind.of { _ = try await rig.client.get(Self.node) } == .malformed)
        #expect(rig.server.requests[0].responseLimit == 1000)
    }

    @Test("answers that are not objects are errors", arguments: ["", "[]", "null", "{", "{\"a\":1}{"])
    func hostile(body: String) async throws {
        let rig = try ClientRig([.answer(HTTPResponse(status: 200, body: Array(body.utf8)))])
        #expect(await KubernetesError.Kind.of { _ = try await rig.client.get(Self.node) } == .malformed)
    }

    @Test("a list has all pages, and its version is that of the last page")
    func pages() async throws {
        let rig = try ClientRig([
            .json(
                200,
                ["metadata": ["continue": "c/1", "resourceVersion": "7"], "items": [["metadata": ["name": "a"]]]]),
            .json(200, ["metadata": ["resourceVersion": "7"], "items": [["metadata": ["name": "b"]]]]),
        ])
        let list = try await rig.client.list(ObjectSelection(.pods, fieldSelector: "spec.nodeName=n"))
        #expect(list.objects.map { $0["metadata"]?["name"] } == ["a", "b"])
        #expect(list.resourceVersion == "7")
        #expect(
            rig.server.targets == [
                "GET /api/v1/pods?limit=250&fieldSelector=spec.nodeName%3Dn",
                "GET /api/v1/pods?limit=250&continue=c%2F1&fieldSelector=spec.nodeName%3Dn",
            ])
    }

    @Test("a list whose second page is too old begins again, and one that never ends is refused")
    func endlessList() async throws {
        let first = ScriptedAPIServer.Reply.json(
            200, ["metadata": ["continue": "c", "resourceVersion": "7"], "items": [["metadata": ["name": "a"]]]])
        let rig = try ClientRig([
            first, .status(410, "Expired"), .json(200, ["metadata": ["resourceVersion": "9"], "items": .null]),
        ])
        #expect(try await rig.client.list(ObjectSelection(.pods)).resourceVersion == "9")
        var limits = KubernetesClient.Limits()
        limits.pages = 3
        let endless = try ClientRig(Array(repeating: first, count: 9), limits: limits)
        #expect(
            await KubernetesError.Kind.of { _ = try await endless.client.list(ObjectSelection(.pods)) } == .malformed)
        #expect(endless.server.requests.count == 3)
    }
}
