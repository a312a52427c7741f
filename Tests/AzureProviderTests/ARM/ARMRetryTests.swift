import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import Telemetry
import Testing

@testable import AzureProvider

@Suite("A call that fails")
struct ARMRetryTests {
    private let arm = ScriptedARM()
    private let clock = InstantClock()

    private func request(_ method: String) -> ARMRequest {
        ARMRequest(
            method, AzureAccount(ScriptedARM.options).resource("Microsoft.Compute", "virtualMachines", "vm-1"),
            apiVersion: "2024-07-01")
    }

    private func failure(_ method: String = "GET") async throws -> ARMError {
        let (client, request) = (arm.client(clock), request(method))
        return try #require(await #expect(throws: ARMError.self) { try await client.send(request) })
    }

    private func send(_ method: String) async throws {
        _ = try await arm.client(clock).send(request(method))
    }

    @Test("for a temporary reason is repeated with growing pauses", arguments: [408, 500, 502, 503, 504])
    func transient(status: Int) async throws {
        arm.on("PUT", "/vm-1", .refusal(status, "InternalServerError"))
        let error = try await failure("PUT")
        #expect(error.kind == .refused(status: status))
        #expect(arm.calls.count == 5)
        #expect(clock.naps == [400, 800, 1600, 3200].map { .milliseconds($0) })
    }

    @Test("with a time to wait in its answer is repeated after that time")
    func retryAfter() async throws {
        arm.on("DELETE", "/vm-1", .empty(503, [("Retry-After", "17")]), .empty(204))
        try await send("DELETE")
        #expect(clock.naps == [.seconds(17)])
    }

    @Test("without an answer is repeated when it is idempotent", arguments: ["GET", "PUT", "DELETE"])
    func unanswered(method: String) async throws {
        arm.on(method, "/vm-1", .broken, .fail(HTTPError(.unknown, .deadline, "60 s")), .json(200, [:]))
        try await send(method)
        #expect(arm.calls.count == 3)
    }

    @Test("that may have been carried out is not repeated when it is not idempotent", arguments: ["POST", "PATCH"])
    func unsafe(method: String) async throws {
        arm.on(method, "/vm-1", .broken)
        #expect(try await failure(method).kind == .unanswered)
        arm.on(method, "/vm-1", .empty(500))
        #expect(try await failure(method).kind == .refused(status: 500))
        #expect(arm.calls.count == 2)
        arm.on(method, "/vm-1", .unreachable, .empty(503, [("Retry-After", "1")]), .json(200, [:]))
        try await send(method)
        #expect(arm.calls.count == 5, "a request that was not sent, or that ARM asks to repeat, is repeated")
    }

    @Test("because ARM cannot be reached gives an error that says that nothing was sent")
    func unreachable() async throws {
        arm.on("PUT", "/vm-1", .unreachable)
        let error = try await failure("PUT")
        #expect(error.kind == .notSent)
        #expect(error.description.contains("management.test:443 refuses connections"))
        #expect(arm.calls.count == 5)
    }

    @Test("for a permanent reason is not repeated", arguments: [400, 403, 404, 409, 412])
    func lasting(status: Int) async throws {
        arm.on("PUT", "/vm-1", .refusal(status, "No"))
        #expect(try await failure("PUT").kind == .refused(status: status))
        #expect(arm.calls.count == 1)
        arm.on("PUT", "/vm-1", .fail(HTTPError(.notSent, .security, "certificate of another server")))
        #expect(try await failure("PUT").kind == .notSent)
        #expect(arm.calls.count == 2)
    }

    @Test("because of another operation is repeated, and delays no other call", arguments: [409, 429])
    func otherOperation(status: Int) async throws {
        arm.on("DELETE", "/vm-1", .refusal(status, "AnotherOperationInProgress"), .empty(204))
        let client = arm.client(clock)
        _ = try await client.send(request("DELETE"))
        #expect(arm.calls.count == 2)
        #expect(clock.naps == [.milliseconds(400)])
        #expect(try await client.throttle.permit(.deletions).waited == .zero)
    }

    @Test("with 429 is repeated after the time in the answer, until the time limit of the call")
    func throttled() async throws {
        arm.on("PUT", "/vm-1", .refusal(429, "TooManyRequests", "slow", [("Retry-After", "12")]), .json(200, [:]))
        try await send("PUT")
        #expect(clock.naps == [.seconds(12)])

        arm.on("PUT", "/vm-1", .refusal(429, "OperationNotAllowed", "slow", [("Retry-After", "60")]))
        let error = try await failure("PUT")
        #expect(error.kind == .refused(status: 429))
        #expect(error.retryAfter == .seconds(60))
        #expect((2 + 4...2 + 7).contains(arm.calls.count))
        #expect(clock.slept < .seconds(900))
    }

    @Test("with 429 delays all calls of its class, and no others")
    func throttledTogether() async throws {
        arm.on("PUT", "/vm-1", .refusal(429, "TooManyRequests", "slow", [("Retry-After", "12")]), .json(200, [:]))
        arm.on("GET", "/vm-1", .json(200, [:]))
        let clock = ManualClock()
        let client = arm.client(clock)
        let path = request("PUT").path
        async let first = client.send(request("PUT"))
        await clock.slept(1)
        async let second = client.send(request("PUT"))
        _ = try await client.send(request("GET"))
        #expect(arm.calls.count == 2, "the second is not sent only to be refused as well")
        clock.advance(by: .seconds(12))
        await arm.arrivals.reached("PUT \(path)", 2)
        // The first's second try was the probe; with its answer the other goes at once.
        _ = try await (first, second)
        #expect(arm.calls.count == 4)
    }

    @Test("that is refused with many others because of an old token shares one new token with them")
    func unauthorizedTogether() async throws {
        let signal = Event()
        let old = ScriptedARM.Reply.wait(signal, .refusal(401, "ExpiredAuthenticationToken"))
        arm.on("GET", "/vm-1", old, old, old, old, old, .json(200, [:]))
        arm.on(
            "POST", "/token", .json(200, ["expires_in": 3600, "access_token": "t1"]),
            .json(200, ["expires_in": 3600, "access_token": "t2"]))
        let client = arm.client(clock)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<5 { group.addTask { _ = try await client.send(request("GET")) } }
            await arm.arrivals.reached("GET \(request("GET").path)", 5)
            signal.set()
            try await group.waitForAll()
        }
        #expect(arm.requests.count { $0.url.contains("/token") } == 2)
        #expect(arm.calls.count == 10)
    }

    @Test(
        "ignores a time to wait that cannot be parsed",
        arguments: ["-5", "soon", "", "1e9", "NaN", "5; 6"])
    func oddAdvice(value: String) async throws {
        arm.on("GET", "/vm-1", .empty(503, [("Retry-After", value)]), .json(200, [:]))
        try await send("GET")
        #expect(clock.naps == [.milliseconds(400)])
    }

    @Test(
        "with a time to wait of a year does not wait, and reports ten minutes to its caller",
        arguments: ["31536000", "99999999999999999999999"])
    func longAdvice(value: String) async throws {
        arm.on("GET", "/vm-1", .empty(503, [("Retry-After", value)]))
        #expect(try await failure("GET").retryAfter == .seconds(600))
        #expect(clock.naps.isEmpty)
    }

    @Test("may have the time to wait in milliseconds, or as a date")
    func adviceForms() async throws {
        // The clock's time is the beginning of 2026.
        arm.on(
            "GET", "/vm-1", .empty(503, [("Retry-After", "Thu, 01 Jan 2026 00:00:09 GMT")]),
            .empty(503, [("x-ms-retry-after-ms", "250"), ("Retry-After", "9")]), .json(200, [:]))
        try await send("GET")
        #expect(clock.naps == [.seconds(9), .milliseconds(250)])
    }

    @Test("is counted by method and status, with latency and waiting")
    func metrics() async throws {
        let metrics = Metrics()
        arm.on(
            "GET", "/vm-1", .empty(503), .empty(429), .broken, .json(200, [:]))
        _ = try await arm.client(clock, metrics: metrics).send(request("GET"))
        let text = metrics.render()
        for (status, count) in [("2xx", 1), ("5xx", 1), ("429", 1), ("none", 1)] {
            #expect(
                text.contains("peerpods_azure_requests_total{method=\"GET\",status=\"\(status)\"} \(count)\n"),
                "\(status)")
        }
        #expect(text.contains("peerpods_azure_throttled_total{class=\"reads\"} 1\n"))
        #expect(text.contains("peerpods_azure_request_seconds_count{method=\"GET\"} 4\n"))
        #expect(text.contains("peerpods_azure_wait_seconds_count{class=\"reads\"} 4\n"))
        #expect(text.contains("peerpods_azure_token_requests_total{outcome=\"success\"} 1\n"))
    }

    @Test("shows how full Azure's bucket is, and an empty one after a refusal")
    func bucket() async throws {
        let metrics = Metrics()
        let client = arm.client(clock, metrics: metrics)
        let header = "x-ms-ratelimit-remaining-subscription-reads"
        arm.on("GET", "/vm-1", .empty(404, [(header, "200")]), .empty(429, [(header, "0")]), .empty(404))
        _ = try? await client.send(request("GET"))
        #expect(metrics.render().contains("peerpods_azure_bucket_fill_ratio{class=\"reads\"} 0.8\n"))
        _ = try? await client.send(request("GET"))
        #expect(metrics.render().contains("peerpods_azure_bucket_fill_ratio{class=\"reads\"} 0\n"))
    }
}
