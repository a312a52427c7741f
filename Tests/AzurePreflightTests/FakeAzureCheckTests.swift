import AzureDoubles
import AzureProvider
import Doubles
import FakeCloud
import HTTPTransport
import LinuxIO
import Preflight
import Telemetry
import TestSupport
import Testing

@testable import AzurePreflight

@Suite("Check of a fake Azure")
struct FakeAzureCheckTests {
    @Test("finds no fault in a new fake Azure")
    func fresh() async throws {
        let findings = try await Self.check("{}")
        #expect(findings.allSatisfy { $0.verdict == .ok }, "\(findings)")
        #expect(findings.count { $0.verdict == .ok } >= 13, "\(findings)")
    }

    @Test("finds three configured faults, and no other")
    func three() async throws {
        let findings = try await Self.check(
            """
            {"image": {"here": false, "regions": ["westus"]}, "open-ports": [22], "subnet": {"prefix": "10.0.0.0/29", "used": 3}}
            """)
        let failed = findings.filter { $0.verdict == .failed }
        #expect(Set(failed.map(\.subject)) == ["image", "security", "subnet"], "\(failed)")
        #expect(failed.contains { $0.text.contains("is not replicated to eastus; it is only in westus") }, "\(failed)")
        #expect(failed.contains { $0.text.contains("drops the agent's connection, tcp/15150") }, "\(failed)")
        #expect(failed.contains { $0.text.contains("0 of 3 addresses free") }, "\(failed)")
    }

    @Test(
        "finds each of the other faults that can be configured",
        arguments: [
            (#"{"quota": {"families": {"standardDCEV6Family": 1}}}"#, "quota", "room for 0 more"),
            (#"{"quota": {"machines": 0}}"#, "quota", "room for 0 more"),
            (#"{"permissions": ["*/read"]}"#, "rights", "virtualMachines/write"),
            (#"{"restrictions": [{"size": "Standard_DC2es_v6"}]}"#, "size", "is closed to this subscription"),
            (#"{"image": {"security": "TrustedLaunch"}}"#, "image", "not for confidential VMs"),
        ])
    func others(scenario: String, subject: String, words: String) async throws {
        let failed = try await Self.check(scenario).filter { $0.verdict == .failed }
        #expect(!failed.isEmpty)
        #expect(failed.allSatisfy { $0.subject == subject }, "\(failed)")
        #expect(failed.contains { $0.text.contains(words) }, "\(failed)")
    }

    @Test("distinguishes a private subnet, and a community's image, from faults")
    func fine() async throws {
        let findings = try await Self.check(#"{"subnet": {"outbound": "none"}}"#) { options in
            options.imageID = "/CommunityGalleries/peerpods-public/Images/podvm/Versions/1.0.0"
        }
        #expect(!findings.contains { $0.verdict == .failed }, "\(findings)")
        #expect(findings.contains { $0.subject == "outbound" && $0.verdict == .warning })
    }

    @Test("does not report a wrong secret as a missing answer")
    func wrongSecret() async throws {
        let findings = try await Self.check("{}") { $0.clientSecret = Secret("guess") }
        #expect(findings.contains { $0.subject == "token" && $0.verdict == .failed }, "\(findings)")
    }

    private static func check(
        _ scenario: String, _ change: @escaping @Sendable (inout AzureOptions) -> Void = { _ in }
    ) async throws -> [Finding] {
        var fake = FakeAzureOptions()
        fake.scenario = try AzureScenario(parsing: Array(scenario.utf8))
        fake.recordingFile = TrafficRecording.file()
        let settings = fake
        return try await onLoop { loop in
            let azure = try FakeAzure(settings, machines: RecordOnlyMachines(), on: loop)
            let http = try HTTPClient(on: loop)
            var options = AzureOptions(of: azure.account)
            change(&options)
            let check = AzureCheck(options, .init(), sender: http, on: loop, logger: .silent)
            return try await withThrowingTaskGroup(of: [Finding]?.self) { group in
                group.addTask {
                    try await azure.run()
                    return nil
                }
                group.addTask {
                    try await http.run()
                    return nil
                }
                group.addTask { await check.run() }
                defer { group.cancelAll() }
                while let found = try await group.next() { if let found { return found } }
                return []
            }
        }
    }
}

extension AzureOptions {
    /// What an adaptor of a fake Azure is told.
    init(of account: FakeAzureAccount) {
        self.init(account)
        authorityFile = account.authorityFile
    }
}
