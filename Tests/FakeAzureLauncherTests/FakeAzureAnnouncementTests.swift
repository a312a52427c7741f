import FakeAzureLauncher
import Telemetry
import Testing

@Suite("The announcement of the fake Azure")
struct FakeAzureAnnouncementTests {
    private func announcement(_ line: String) throws(FakeAzureError) -> FakeAzureAnnouncement {
        try FakeAzureAnnouncement(parsing: Array(line.utf8))
    }

    @Test("has the environment for an adaptor, with the secret and the endpoint")
    func environment() throws {
        let fake = try announcement(
            #"""
            {"environment": {"AZURE_CLIENT_SECRET": "hush", "AZURE_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9"}, \#
            "machines": {"interface": "ppf1"}}
            """#)
        #expect(
            fake.environment == ["AZURE_CLIENT_SECRET": "hush", "AZURE_MANAGEMENT_ENDPOINT": "http://127.0.0.1:9"])
        #expect(fake.secret.reveal() == "hush")
        #expect(fake.endpoint == "http://127.0.0.1:9")
        #expect(fake.machines == .network(interface: "ppf1"))
    }

    @Test("says why VMs have only loopback addresses")
    func loopback() throws {
        let fake = try announcement(#"{"environment": {}, "machines": {"loopback": "no CAP_NET_ADMIN"}}"#)
        #expect(fake.machines == .loopback(reason: "no CAP_NET_ADMIN"))
    }

    @Test(
        "that is a failure, or cannot be read, is an error that gives the reason",
        arguments: [
            (#"{"error": "the port is in use"}"#, "the port is in use"),
            ("hello", "its first line of output is not an announcement"),
            (#"{"environment": {"A": 1}, "machines": {}}"#, "environment.A: not a string"),
            (#"{"environment": {}, "machines": {}}"#, "machines"),
            (#"{"machines": {"interface": "i"}}"#, "environment"),
        ])
    func invalid(line: String, words: String) throws {
        let error = try #require(throws: FakeAzureError.self) { try announcement(line) }
        #expect(error.description.contains(words), "\(error)")
    }
}
