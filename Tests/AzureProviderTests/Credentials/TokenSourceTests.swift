import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import AzureProvider

@Suite("The source of tokens")
struct TokenSourceTests {
    private static let place = "POST /tenant/oauth2/v2.0/token"
    private let azure = ScriptedARM()
    private let clock = InstantClock()

    private func source(_ clock: (any LifecycleClock)? = nil, logger: Logger = .silent) -> TokenSource {
        TokenSource(
            ScriptedARM.options, sender: azure, clock: clock ?? self.clock, logger: logger, metrics: Metrics())
    }

    private static func token(_ text: String, _ more: [(String, JSONValue)] = [("expires_in", 3600)])
        -> ScriptedARM.Reply
    {
        .json(200, .object(JSONObject([("access_token", .string(text)), ("token_type", "Bearer")] + more)))
    }

    private func text(_ source: TokenSource) async throws -> String { try await source.token().value.reveal() }

    @Test("asks once, and again only when the token expires soon")
    func cache() async throws {
        azure.on("POST", "/token", Self.token("one"), Self.token("two"))
        let source = source()
        for _ in 0..<3 { #expect(try await text(source) == "one") }
        clock.pass(.seconds(3299))
        #expect(try await text(source) == "one")
        clock.pass(.seconds(2))
        #expect(try await text(source) == "two", "five minutes are left")
        #expect(azure.requests.count == 2)
    }

    @Test(
        "refreshes when the server says so, or after half of a lifetime of two hours or more",
        arguments: [
            (#""expires_in": 3600, "refresh_in": 1000"#, 1000), (#""expires_in": 3600, "refresh_in": "1000""#, 1000),
            (#""expires_in": 3600, "refresh_in": 99999"#, 3300), (#""expires_in": 3600, "refresh_in": -1"#, 3300),
            (#""expires_in": 7199"#, 6899), (#""expires_in": 7200"#, 3600), (#""expires_in": "86400""#, 43200),
            (#""expires_in": 200"#, 0),
            // Ours is 1767225600; their clock, or ours, is wrong, and the token lives as long as it was said to.
            (#""expires_in": 3600, "expires_on": 1767999999"#, 3300), (#""expires_in": 3600, "expires_on": 1"#, 3300),
            (#""expires_in": 3600, "expires_on": "1767226600""#, 700), (#""expires_on": "1767229200""#, 3300),
            (#""expires_in": 9223372036854775807"#, 86400),
        ])
    func refreshTime(fields: String, seconds: Int) async throws {
        azure.on("POST", "/token", .bytes(200, "application/json", "{\"access_token\": \"one\", \(fields)}"))
        let token = try await source().token()
        #expect(clock.now.duration(to: token.refreshes) == .seconds(seconds))
    }

    @Test("returns the old token while no new one is available, and does not ask again within 30 seconds")
    func earlyFailure() async throws {
        azure.on("POST", "/token", Self.token("one"), .empty(503), .empty(503), Self.token("two"))
        let source = source()
        _ = try await source.token()
        clock.pass(.seconds(3310))
        for _ in 0..<3 { #expect(try await text(source) == "one") }
        #expect(azure.requests.count == 2, "one try, without repetition")
        #expect(azure.requests.last?.timeLimit == .seconds(5), "a pod waits for it")
        clock.pass(.seconds(31))
        #expect(try await text(source) == "one")
        clock.pass(.seconds(31))
        #expect(try await text(source) == "two")
        #expect(clock.naps.isEmpty)
    }

    @Test("does not return a token that has expired")
    func expiry() async throws {
        azure.on("POST", "/token", Self.token("one"), .refusal(401, "invalid_client"))
        let source = source()
        _ = try await source.token()
        clock.pass(.seconds(3600))
        await #expect(throws: CredentialError.self) { try await source.token() }
    }

    @Test("returns the old token to callers during an early refresh")
    func noWaiting() async throws {
        let signal = Event()
        azure.on("POST", "/token", Self.token("one"), .wait(signal, Self.token("two")))
        let source = source()
        _ = try await source.token()
        clock.pass(.seconds(3400))
        async let refresher = text(source)
        await azure.arrivals.reached(Self.place, 2)
        #expect(try await text(source) == "one")
        signal.set()
        #expect(try await refresher == "two")
        #expect(try await text(source) == "two")
    }

    @Test("asks once for all waiting callers")
    func singleFlight() async throws {
        let signal = Event()
        azure.on("POST", "/token", .wait(signal, Self.token("one")))
        let source = source()
        let tokens = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<50 { group.addTask { try await text(source) } }
            await azure.arrivals.reached(Self.place)
            signal.set()
            return try await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(tokens == ["one"])
        #expect(azure.requests.count == 1)
    }

    @Test("gives all waiting callers the same failure, and tries again for the next caller")
    func sharedFailure() async throws {
        let signal = Event()
        azure.on("POST", "/token", .wait(signal, .refusal(401, "invalid_client")), Self.token("one"))
        let source = source()
        let failures = await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<5 { group.addTask { (try? await source.token()) == nil } }
            await azure.arrivals.reached(Self.place)
            signal.set()
            return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
        }
        // Who came after the failure has a try of its own, which succeeds.
        #expect(failures >= 1)
        #expect(try await text(source) == "one")
    }

    @Test("continues for the other callers when the requesting caller or a waiting one is cancelled")
    func cancellation() async throws {
        azure.on("POST", "/token", .hang, Self.token("one"))
        let source = source()
        let first = Task { try await source.token() }
        await azure.arrivals.reached(Self.place)
        let second = Task { try await source.token() }
        let third = Task { try await source.token() }
        third.cancel()
        let cancelled = await #expect(throws: CredentialError.self) { try await third.value }
        #expect(cancelled?.kind == .cancelled)
        first.cancel()
        #expect(try await second.value.value.reveal() == "one")
        await #expect(throws: CredentialError.self) { try await first.value }
        #expect(azure.requests.count == 2)
    }

    @Test("replaces a refused token once, however many calls were refused with it")
    func drop() async throws {
        azure.on("POST", "/token", Self.token("one"), Self.token("two"), Self.token("three"))
        let source = source()
        let old = try await source.token()
        source.drop(old)
        #expect(try await text(source) == "two")
        source.drop(old)
        #expect(try await text(source) == "two")
    }

    @Test("that runs in the background has a new token before a caller needs it, and continues after failures")
    func running() async throws {
        let clock = ManualClock()
        azure.on(
            "POST", "/token", .refusal(401, "invalid_client"), .refusal(401, "invalid_client"), Self.token("one"),
            Self.token("two"))
        let source = source(clock)
        let service = Task { await source.run() }
        for (nap, pause) in [30, 60, 3300].enumerated() {
            await clock.slept(nap + 1)
            #expect(clock.naps.last == .seconds(pause))
            clock.advance(by: .seconds(pause))
        }
        await clock.slept(4)
        #expect(try await text(source) == "two")
        #expect(azure.requests.count == 4)
        service.cancel()
        await service.value
    }

    @Test("writes no token and no secret to a log line or a description")
    func secrecy() async throws {
        let lines = Lock("")
        let logger = Logger(level: .debug, format: .json) { line in
            lines.withLock { $0 += String(decoding: line, as: UTF8.self) }
        }
        azure.on(
            "POST", "/token", Self.token("sesame"),
            .json(400, ["error": "hush-hush", "error_description": "hush-hush"]))
        let source = source(logger: logger)
        let token = try await source.token()
        clock.pass(.seconds(3310))
        _ = try await source.token()
        let said =
            lines.withLock { $0 } + "\(token)\(source.description)\(ScriptedARM.options)" + String(reflecting: token)
        #expect(said.contains("still valid"))
        #expect(!said.contains("sesame"))
        #expect(!said.contains("hush-hush"))
    }
}
