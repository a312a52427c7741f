import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import Testing

@testable import AzureProvider

@Suite("An operation that continues after ARM's answer")
struct ARMOperationTests {
    private static let path = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1"
    private static let url = "https://management.test/op/1?p=a%2Fb&t=1&s=x%3D&api-version=2024-07-01"

    private let arm = ScriptedARM()
    private let clock = InstantClock()

    private func answer(
        _ status: Int, _ body: JSONValue? = nil, async: String? = nil, location: String? = nil, retryAfter: Int? = nil
    ) -> ARMAnswer {
        var answer = ARMAnswer(status: status, body: body, requestID: "r-0")
        answer.headers["Azure-AsyncOperation"] = async
        answer.headers["Location"] = location
        answer.headers["Retry-After"] = retryAfter.map(String.init)
        answer.clientRequestID = "id-0"
        return answer
    }

    private func request(_ method: String) -> ARMRequest { ARMRequest(method, Self.path, apiVersion: "2024-07-01") }

    private func finish(_ method: String, _ answer: ARMAnswer) async throws {
        try await arm.client(clock).finish(answer, of: request(method))
    }

    private func failure(_ method: String, _ answer: ARMAnswer) async throws -> ARMError {
        let (client, request) = (arm.client(clock), request(method))
        return try #require(await #expect(throws: ARMError.self) { try await client.finish(answer, of: request) })
    }

    private static func state(_ state: String) -> JSONValue { ["properties": ["provisioningState": .string(state)]] }

    @Test("is polled at its own URL, unchanged, after the time that ARM gives, with the request's id")
    func asyncOperation() async throws {
        arm.on(
            "GET", "/op/1", .json(200, ["status": "InProgress"], [("Retry-After", "20")]), .json(202, [:]),
            .json(200, ["status": "succeeded"]))

        try await finish("PUT", answer(201, Self.state("Creating"), async: Self.url, retryAfter: 10))

        #expect(arm.requests.filter { $0.method == "GET" }.map(\.url) == [Self.url, Self.url, Self.url])
        #expect(
            arm.requests.filter { $0.method == "GET" }.allSatisfy { $0.headers["x-ms-client-request-id"] == "id-0" })
        #expect(clock.naps == [.seconds(10), .seconds(20), .milliseconds(4500)])
    }

    @Test("with a Location has ended when the answer is no longer 202", arguments: [200, 201, 204])
    func location(status: Int) async throws {
        arm.on("GET", "/op/1", .empty(202, [("Retry-After", "3")]), .empty(status))
        try await finish("DELETE", answer(202, location: Self.url))
        #expect(clock.naps == [.seconds(2), .seconds(3)])
    }

    @Test("with both headers is polled at the URL of Azure-AsyncOperation")
    func both() async throws {
        arm.on("GET", "/op/1", .json(200, ["status": "Succeeded"]))
        try await finish("DELETE", answer(202, async: Self.url, location: "https://management.test/op/2"))
        #expect(arm.calls.count == 1)
    }

    @Test("without a header is polled at the resource itself")
    func headerless() async throws {
        arm.on("GET", "/vm-1", .json(200, Self.state("Updating")), .json(200, Self.state("Succeeded")))
        try await finish("PUT", answer(200, Self.state("Updating")))
        try await finish("PATCH", answer(202))
        #expect(arm.calls == Array(repeating: "GET \(Self.path)?api-version=2024-07-01", count: 3))
        arm.on("GET", "/vm-1", .json(200, Self.state("Deleting")), .refusal(404, "ResourceNotFound"))
        try await finish("DELETE", answer(202))
        #expect(arm.calls.count == 5)
    }

    @Test("is not polled when the answer says that the operation has ended")
    func done() async throws {
        try await finish("PUT", answer(200, Self.state("Succeeded")))
        try await finish("PUT", answer(201, ["name": "nic"]))
        try await finish("PUT", answer(200))
        try await finish("DELETE", answer(204, async: Self.url))
        try await finish("DELETE", answer(200))
        try await finish("POST", answer(200))
        try await finish("GET", answer(200, Self.state("Creating")))
        #expect(arm.calls.isEmpty)
    }

    @Test("that fails gives an error with ARM's code, message, root cause and ids")
    func failed() async throws {
        let error: JSONValue = [
            "code": "AllocationFailed", "message": "No room.", "details": [["code": "Inner", "message": "really"]],
        ]
        arm.on("GET", "/op/1", .json(200, ["status": "Failed", "error": error], [("x-ms-request-id", "r-9")]))
        let failure = try await failure("PUT", answer(201, async: Self.url))
        #expect(failure.kind == .operationFailed)
        #expect(failure.code == "AllocationFailed")
        #expect(failure.innermost?.code == "Inner")
        #expect(failure.requestID == "r-9")
        #expect(
            failure.description
                == "PUT virtualMachines/vm-1: the operation failed: AllocationFailed: No room.: because of Inner: really "
                + "(request id r-9, client id id-0)")
    }

    @Test("that fails without a message gives an error", arguments: [("Failed", ""), ("Canceled", "Canceled")])
    func wordless(status: String, code: String) async throws {
        arm.on("GET", "/op/1", .json(200, ["status": .string(status), "error": .null]))
        var failure = try await failure("PUT", answer(201, async: Self.url))
        #expect(failure.kind == .operationFailed)
        #expect(failure.code == code)
        arm.on("GET", "/vm-1", .json(200, Self.state(status)))
        failure = try await self.failure("PUT", answer(200, Self.state("Updating")))
        #expect(failure.kind == .operationFailed)
    }

    @Test("with a Location fails with the error of the request")
    func locationFails() async throws {
        arm.on("GET", "/op/1", .refusal(409, "NicInUse"))
        let failure = try await failure("DELETE", answer(202, location: Self.url))
        #expect(failure.kind == .operationFailed)
        #expect(failure.code == "NicInUse")
    }

    @Test("that ARM does not know any more is decided by the state of the resource", arguments: [404, 410])
    func vanished(status: Int) async throws {
        arm.on("GET", "/op/1", .refusal(status, "NotFound"))
        arm.on("GET", "/vm-1", .json(200, Self.state("Creating")), .json(200, Self.state("Succeeded")))
        try await finish("PUT", answer(201, async: Self.url))

        arm.on("GET", "/vm-1", .refusal(404, "ResourceNotFound"))
        try await finish("DELETE", answer(202, async: Self.url))
        let failure = try await failure("PUT", answer(201, async: Self.url))
        #expect(failure.isNotFound)
        #expect(failure.message.contains("does not exist"))
    }

    @Test("that does not end is given up after half an hour")
    func endless() async throws {
        arm.on("GET", "/op/1", .json(200, ["status": "InProgress"]))
        let failure = try await failure("PUT", answer(201, async: Self.url))
        #expect(failure.kind == .unanswered)
        #expect(failure.message.contains("still runs after 30 minutes"))
        #expect(clock.slept < .seconds(1830))
        #expect(arm.calls.count < 130)
    }

    @Test(
        "is not polled at another server",
        arguments: ["https://evil.test/op", "https://management.test@evil.test/"])
    func elsewhere(url: String) async throws {
        for answer in [answer(201, async: url), answer(202, location: url)] {
            let failure = try await failure("PUT", answer)
            #expect(failure.kind == .malformed)
            #expect(failure.message.contains("the token is sent to no other server"))
        }
        #expect(arm.requests.isEmpty)
    }

    @Test(
        "whose state cannot be parsed gives an error", arguments: ["{}", "[]", "{\"status\": 5}", "{\"status\": null}"])
    func malformed(body: String) async throws {
        arm.on("GET", "/op/1", .bytes(200, "application/json", body))
        #expect(try await failure("PUT", answer(201, async: Self.url)).kind == .malformed)
    }

    @Test(
        "is polled at intervals between a second and a minute",
        arguments: [(1, 1), (60, 60), (3600, 60)])
    func pace(advice: Int, pause: Int) async throws {
        arm.on("GET", "/op/1", .json(200, ["status": "Succeeded"]))
        try await finish("PUT", answer(201, async: Self.url, retryAfter: advice))
        #expect(clock.naps == [.seconds(pause)])
    }
}
