import AzureDoubles
import Doubles
import HTTPTransport
import JSON
import Testing

@testable import AzureProvider

@Suite("A list from Azure")
struct ARMListTests {
    private let arm = ScriptedARM()
    private let clock = InstantClock()
    private let request = ARMRequest(
        "GET", AzureAccount(ScriptedARM.options).resource("Microsoft.Compute", "virtualMachines"),
        apiVersion: "2024-07-01")

    private func failure() async throws -> ARMError {
        let client = arm.client(clock)
        return try #require(await #expect(throws: ARMError.self) { try await client.list(request) })
    }

    private static func page(_ names: [String], next: JSONValue? = nil) -> ScriptedARM.Reply {
        var page: JSONObject = JSONObject([("value", .array(names.map { ["name": .string($0)] }))])
        page["nextLink"] = next
        return .json(200, .object(page))
    }

    @Test("has the items of all its pages, whose links are used unchanged")
    func pages() async throws {
        let link = "https://management.test/subscriptions/SUB/x?$skiptoken=a%20b+c&api-version=2024-07-01"
        arm.on("GET", "/virtualMachines", Self.page(["a", "b"], next: .string(link)))
        arm.on("GET", "/x", Self.page(["c"], next: "https://MANAGEMENT.test:443/y"))
        arm.on("GET", "/y", Self.page(["d"], next: ""))

        let (values, pages) = try await arm.client(clock).pages(request)

        #expect(try values.map { try $0.optionalString("name") } == ["a", "b", "c", "d"])
        #expect(values.map(\.path) == ["value[0]", "value[1]", "value[2]", "value[3]"])
        #expect(pages == 3)
        #expect(arm.requests.map(\.url).contains(link))
        #expect(Set(arm.requests.compactMap { $0.headers["x-ms-client-request-id"] }).count == 1)
    }

    @Test("may be empty", arguments: [nil, .null, ""] as [JSONValue?])
    func empty(next: JSONValue?) async throws {
        arm.on("GET", "/virtualMachines", Self.page([], next: next))
        #expect(try await arm.client(clock).list(request).isEmpty)
    }

    @Test(
        "does not send the token to another server",
        arguments: [
            "https://evil.test/x", "http://management.test/x", "https://management.test:8443/x", "//evil.test/x",
            "https://management.test@evil.test/x", "https://management.test\\@evil.test/x",
            "https://management.test.evil/",
            "https://management.test%2eevil.test/", "ftp://management.test/x", "https:///x", "https://", "x", "?y",
            "https://management.test/a b", "https://management.test/\r\nHost: evil.test",
            "https://user:secret@management.test/x", "https://mänagement.test/x", "https:\\\\evil.test",
            "https://management.test:/x", "https://management.test:443:80/x", "https://[::1]/x",
            "https://evil.test#@management.test/", "https://evil.test?management.test",
        ])
    func elsewhere(link: String) async throws {
        arm.on("GET", "", Self.page(["x"]))
        arm.on("GET", "/virtualMachines", Self.page(["a"], next: .string(link)))
        let error = try await failure()
        #expect(error.kind == .malformed)
        #expect(error.message.contains("the token is sent to no other server"))
        #expect(arm.calls.count == 1)
    }

    @Test("that has the same link twice gives an error")
    func endless() async throws {
        arm.on("GET", "/virtualMachines", Self.page(["a"], next: "/again"))
        arm.on("GET", "/again", Self.page(["b"], next: "/again"))
        let error = try await failure()
        #expect(error.kind == .malformed)
        #expect(error.message.contains("does not end"))
        #expect(arm.calls.count == 2, "the same link again brings the same page again")
    }

    @Test("has a limit of pages, and more pages give an error")
    func manyPages() async throws {
        for page in 0..<600 {
            arm.on("GET", "/page-\(page)", Self.page(["a"], next: .string("/page-\(page + 1)")))
        }
        arm.on("GET", "/virtualMachines", Self.page([], next: "/page-0"))
        let error = try await failure()
        #expect(error.message.contains("does not end"))
        #expect(arm.calls.count == 500)
    }

    @Test(
        "that cannot be read reports the place of the error",
        arguments: [
            ("[]", "expected an object"), ("{}", "value: expected an array"),
            ("{\"value\": {}}", "value: expected an array"),
            ("{\"value\": [{}, 5]}", "value[1]: expected an object"),
            ("{\"value\": [], \"nextLink\": 5}", "nextLink: expected a string"), ("", "no body"),
        ])
    func malformed(body: String, clause: String) async throws {
        arm.on("GET", "/virtualMachines", .bytes(200, "application/json", body))
        let error = try await failure()
        #expect(error.kind == .malformed)
        #expect(error.description.contains("GET Microsoft.Compute/virtualMachines"))
        #expect(error.message.contains(clause))
    }
}
