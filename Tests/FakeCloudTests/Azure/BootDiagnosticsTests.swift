import HTTPTransport
import JSON
import TestSupport
import Testing

@testable import FakeCloud

@Suite("The serial log of a fake VM")
struct BootDiagnosticsTests {
    private static let vm = "Microsoft.Compute/virtualMachines/web"

    @Test("has an address that carries its own permission, for the time that was asked for")
    func address() async throws {
        let machines = RecordOnlyMachines()
        machines.setSerialLog(Array("Linux version 6.12\nreboot: Power down\n".utf8))
        try await AzureFixture.run(machines: machines) { azure in
            try await azure.make("web")
            let answer = try await azure.arm("POST", "\(Self.vm)/retrieveBootDiagnosticsData")
            #expect(answer.status == 200, "\(answer.text)")
            let url = try #require(answer.json["serialConsoleLogBlobUri"]?.stringValue)
            let log = try await azure.send("GET", url)
            #expect(log.status == 200)
            #expect(log.text == "Linux version 6.12\nreboot: Power down\n")
            #expect(try await azure.send("GET", url.prefix { $0 != "?" } + "?sr=b&sp=r&sig=x").status == 403)
            #expect(try await azure.send("GET", String(url.prefix { $0 != "?" })).status == 403)
            #expect(try await azure.send("GET", url.replacing("/web/", with: "/other/")).status == 403)
            #expect(try await azure.send("GET", url.replacing("serialconsole", with: "screenshot")).status == 404)
            #expect(try await azure.send("DELETE", url).status == 404)
        }
    }

    @Test("is refused for a wrong lifetime, without boot diagnostics, for no VM and to another account")
    func refusals() async throws {
        try await AzureFixture.run { azure in
            try await azure.make("web")
            let action = "\(Self.vm)/retrieveBootDiagnosticsData"
            for minutes in ["0", "1441", "x", "-5", "99999999999999999999"] {
                let answer = try await azure.arm(
                    "POST", action, query: "sasUriExpirationTimeInMinutes=\(minutes)")
                #expect(answer.status == 400 && answer.code == "InvalidParameter", "\(minutes)")
            }
            #expect(try await azure.arm("POST", action, query: "sasUriExpirationTimeInMinutes=5").status == 200)
            #expect(try await azure.arm("GET", action).status == 405)
            #expect(try await azure.arm("POST", action.replacing("web", with: "none")).status == 404)
            #expect(try await azure.arm("POST", action, headers: ["Authorization": "Bearer x"]).status == 401)
            try await azure.make("quiet") { body in
                body = Self.without("diagnosticsProfile", body)
            }
            let quiet = try await azure.arm("POST", action.replacing("web", with: "quiet"))
            #expect(quiet.status == 409 && quiet.message.contains("Boot diagnostics is not enabled"))
        }
    }

    @Test("has no address after its time, and the oldest of many addresses end first")
    func signatures() {
        var logs = SignedLogs()
        let start = ContinuousClock.now
        let first = logs.sign("web", minutes: 1, at: start)
        #expect(logs.permits(first, "web", at: start.advanced(by: .seconds(59))))
        #expect(!logs.permits(first, "web", at: start.advanced(by: .seconds(61))))
        #expect(!logs.permits(first, "other", at: start))
        var last = first
        for _ in 0..<1000 { last = logs.sign("web", minutes: 60, at: start) }
        #expect(!logs.permits(first, "web", at: start))
        #expect(logs.permits(last, "web", at: start))
    }

    private static func without(_ key: String, _ body: JSONValue) -> JSONValue {
        guard var members = body.objectValue, let properties = members["properties"]?.objectValue else { return body }
        members["properties"] = .object(JSONObject(properties.entries.filter { $0.key != key }))
        return .object(members)
    }
}
