import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import Testing

@testable import AzureProvider

@Suite("The client of Azure Resource Manager")
struct ARMClientTests {
    private static let machine = "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm-1"

    private let arm = ScriptedARM()
    private let clock = InstantClock()

    private func request(_ method: String, _ name: String = "vm-1", body: JSONValue? = nil) -> ARMRequest {
        let account = AzureAccount(ScriptedARM.options)
        return ARMRequest(
            method, account.resource("Microsoft.Compute", "virtualMachines", name), apiVersion: "2024-07-01", body: body
        )
    }

    private func failure(_ method: String = "GET", _ client: ARMClient? = nil) async throws -> ARMError {
        let (client, request) = (client ?? arm.client(clock), request(method))
        return try #require(await #expect(throws: ARMError.self) { try await client.send(request) })
    }

    @Test("sends one request with token, id and api-version, without a delay on an idle node")
    func idle() async throws {
        arm.on("GET", "/virtualMachines/vm-1", .json(200, ["name": "vm-1"], [("x-ms-request-id", "r-1")]))

        let answer = try await arm.client(clock).send(request("GET"))

        #expect(answer.body?["name"] == "vm-1")
        #expect(answer.requestID == "r-1")
        #expect(arm.calls == ["GET \(Self.machine)?api-version=2024-07-01"])
        let sent = try #require(arm.requests.last)
        #expect(sent.url.hasPrefix("https://management.test/subscriptions/"))
        #expect(sent.headers["Authorization"] == "Bearer t1")
        #expect(sent.headers["Accept"] == "application/json")
        #expect(sent.headers["Content-Type"] == nil)
        #expect(sent.headers["x-ms-client-request-id"]?.count == 36)
        #expect(sent.responseLimit == 16 << 20)
        #expect(clock.naps.isEmpty)
    }

    @Test("encodes names and queries, and sends bodies as JSON")
    func encoding() async throws {
        arm.on("PUT", "", .json(200, [:]))
        var put = request("PUT", "a b/c?d#é", body: ["location": "westeurope"])
        put.query = [("$expand", "instanceView"), ("$filter", "location eq 'eastus'")]
        put.headers["If-None-Match"] = "*"

        _ = try await arm.client(clock).send(put)

        let sent = try #require(arm.requests.last)
        #expect(
            sent.url == "https://management.test/subscriptions/sub/resourceGroups/rg/providers/Microsoft.Compute"
                + "/virtualMachines/a%20b%2Fc%3Fd%23%C3%A9?api-version=2024-07-01&%24expand=instanceView"
                + "&%24filter=location%20eq%20%27eastus%27")
        #expect(sent.headers["Content-Type"] == "application/json")
        #expect(sent.headers["If-None-Match"] == "*")
        #expect(String(decoding: sent.body, as: UTF8.self) == #"{"location":"westeurope"}"#)
    }

    @Test("reports ARM's error with the request, all ids and the root cause")
    func refusal() async throws {
        let body: JSONValue = [
            "error": [
                "code": "InvalidParameter", "message": "Bad.\nVery bad.", "target": "vmSize",
                "details": [["code": "Outer", "message": "o", "details": [["code": "Root", "message": "the cause"]]]],
            ]
        ]
        arm.on(
            "PUT", "/virtualMachines/vm-1",
            .json(
                400, body,
                [
                    ("x-ms-request-id", "r-1"), ("x-ms-correlation-request-id", "c-1"),
                    ("x-ms-routing-request-id", "WESTEUROPE:20260101T000000Z:g"),
                ]))

        let error = try await failure("PUT")

        #expect(error.kind == .refused(status: 400))
        #expect(error.code == "InvalidParameter")
        #expect(error.target == "vmSize")
        #expect(error.innermost?.code == "Root")
        #expect(error.requestID == "r-1")
        #expect(error.hasCode("root"))
        #expect(
            error.description.hasPrefix(
                "PUT virtualMachines/vm-1: HTTP 400: InvalidParameter: Bad. Very bad.: target vmSize: because of Root: "
                    + "the cause (request id r-1, correlation id c-1, routing id WESTEUROPE:20260101T000000Z:g, client id "
            ))
        #expect(arm.calls.count == 1)
    }

    @Test(
        "refuses what is not an answer of ARM",
        arguments: [
            (200, "text/html", "<html>login</html>", "text/html"),
            (200, "application/json", "{\"name\":", "not valid JSON"),
            (200, "text/plain", "{}", "text/plain"), (200, "", "\u{1}\u{2}", "not valid JSON"),
            (200, "application/json", String(repeating: "[", count: 100_000), "nested deeper"),
        ])
    func noAnswer(status: Int, type: String, body: String, clause: String) async throws {
        arm.on("GET", "/virtualMachines/vm-1", .bytes(status, type, body))
        let error = try await failure()
        #expect(error.kind == .malformed)
        #expect(error.message.contains(clause))
        #expect(arm.calls.count == 3, "it may have been cut short, twice")
    }

    @Test("repeats a request whose answers were incomplete, and returns the third answer")
    func truncatedTwice() async throws {
        arm.on(
            "GET", "/virtualMachines/vm-1", .bytes(200, "application/json", "{\"name\": \"v"),
            .bytes(200, "application/json", "{\"na"), .json(200, ["name": "vm-1"]))
        #expect(try await arm.client(clock).send(request("GET")).body?["name"] == "vm-1")
    }

    @Test("reports the status and the kind of the body of an error that a proxy wrote")
    func proxyError() async throws {
        arm.on("GET", "/virtualMachines/vm-1", .bytes(403, "text/html", "<html>Forbidden by the firewall</html>"))
        let error = try await failure()
        #expect(error.kind == .refused(status: 403))
        #expect(error.message.contains("text/html"))
        #expect(error.message.contains("proxy"))
    }

    @Test("refuses an answer with a body of a hundred megabytes")
    func hugeBody() async throws {
        var huge = HTTPResponse(status: 200, headers: ["Content-Type": "application/json"])
        huge.body = [UInt8](repeating: UInt8(ascii: " "), count: 100 << 20)
        huge.body[0] = UInt8(ascii: "[")
        arm.on("GET", "/virtualMachines/vm-1", .answer(huge))
        #expect(try await failure("GET").kind == .malformed)
        arm.on("GET", "/virtualMachines/vm-1", .fail(HTTPError(.unknown, .answerTooLarge, "more than 16 MiB")))
        let error = try await failure()
        #expect(error.kind == .malformed)
        #expect(error.message == "more than 16 MiB")
        #expect(arm.calls.count == 4, "an answer that is too large is not requested again")
    }

    @Test("does not follow a redirect")
    func redirect() async throws {
        arm.on("GET", "/virtualMachines/vm-1", .empty(307, [("Location", "https://evil.test/")]))
        let error = try await failure()
        #expect(error.kind == .refused(status: 307))
        #expect(error.message.contains("the token is not sent there"))
        #expect(arm.requests.allSatisfy { !$0.url.contains("evil") })
    }

    @Test("gets another token, only once, when ARM refuses the first")
    func unauthorized() async throws {
        arm.on(
            "POST", "/token", .json(200, ["expires_in": 3600, "access_token": "t1"]),
            .json(200, ["expires_in": 3600, "access_token": "t2"]),
            .json(200, ["expires_in": 3600, "access_token": "t3"]))
        arm.on("GET", "/virtualMachines/vm-1", .refusal(401, "ExpiredAuthenticationToken"), .json(200, [:]))
        let client = arm.client(clock)
        _ = try await client.send(request("GET"))
        #expect(arm.requests.compactMap { $0.headers["Authorization"] } == ["Bearer t1", "Bearer t2"])
        #expect(
            Set(arm.requests.compactMap { $0.headers["x-ms-client-request-id"] }).count == 1,
            "it is one call, and has one id")

        arm.on("GET", "/virtualMachines/vm-1", .refusal(401, "InvalidAuthenticationToken"))
        let error = try await failure("GET", client)
        #expect(error.kind == .refused(status: 401))
        #expect(arm.requests.compactMap { $0.headers["Authorization"] }.suffix(2) == ["Bearer t2", "Bearer t3"])
        #expect(clock.naps.isEmpty)
    }

    @Test("reports why there is no token, and sends no call without a token")
    func noToken() async throws {
        arm.on("POST", "/token", .json(401, ["error": "invalid_client", "error_codes": [7_000_222]]))
        let error = try await failure()
        #expect(error.kind == .credential)
        #expect(error.code == "AADSTS7000222")
        #expect(error.message.contains("has expired"))
        #expect(arm.calls.isEmpty)
    }

    @Test("keeps the token out of logs and errors")
    func secrecy() async throws {
        let lines = Lock("")
        let logger = Logger(level: .debug, format: .json) { line in
            lines.withLock { $0 += String(decoding: line, as: UTF8.self) }
        }
        arm.on("POST", "/token", .json(200, ["expires_in": 3600, "access_token": "sesame"]))
        arm.on(
            "GET", "/virtualMachines/vm-1", .empty(503, [("x-ms-request-id", "r-5")]),
            .refusal(409, "Conflict", "c", [("x-ms-request-id", "r-6")]))
        let client = arm.client(clock, logger: logger)
        let error = try await failure("GET", client)
        let said = lines.withLock { $0 }
        #expect(said.contains("request id r-5"))
        #expect(said.contains("request id r-6"))
        #expect(!(said + "\(error)" + String(reflecting: error)).contains("sesame"))
    }
}
