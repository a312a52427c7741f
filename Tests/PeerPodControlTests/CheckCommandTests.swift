import AzurePreflight
import AzureProvider
import Configuration
import JSON
import LinuxIO
import Preflight
import Testing

@testable import PeerPodControl

@Suite("peerpodctl check azure")
struct CheckCommandTests {
    private static let findings = [
        Finding("token", .ok, "there is one"), Finding("image", .failed, "it is \u{1b}[31mnowhere", advice: "make it"),
        Finding("user data", .unknown, "not known"),
    ]

    @Test("shows a line for each finding with the advice below it, and the counts at the end")
    func text() {
        #expect(
            FindingReport(Self.findings).text(took: "250 ms") == """
                ok       token      there is one
                failed   image      it is \\u001b[31mnowhere
                                    → make it
                unclear  user data  not known
                3 findings in 250 ms: 1 ok, 0 warning, 1 failed, 1 unclear

                """)
    }

    @Test("shows the same as JSON")
    func json() throws {
        let document = try JSONNode(JSONValue(parsing: Array(FindingReport(Self.findings).json.utf8)))
        #expect(try document.bool("ok") == false)
        let second = try document.objects("findings")[1]
        #expect(try second.string("subject") == "image")
        #expect(try second.string("verdict") == "failed")
        #expect(try second.string("advice") == "make it")
    }

    @Test("exits with 1 for a failure, with 3 for what is unknown, else with 0")
    func status() {
        #expect(FindingReport(Self.findings).status == 1)
        #expect(FindingReport([Self.findings[0], Self.findings[2]]).status == 3)
        #expect(FindingReport([Self.findings[0], Finding("quota", .warning, "little")]).status == 0)
    }

    @Test("takes the adaptor's environment, and names what is missing without a request")
    func environment() throws {
        let environment = ["AZURE_REGION": "West Europe", "FORWARDER_PORT": "15151", "INITDATA": "abcd"]
        guard case .run(let options, _) = try AzureCheckOptions.command.parse(["-pods", "7"], environment: environment)
        else {
            Issue.record("asked for help")
            return
        }
        #expect(options.azure.region == "westeurope")
        #expect(options.situation.pods == 7)
        #expect(options.situation.forwarderPort == 15151)
        #expect(options.situation.initdataSize == 4)
        let said = Lock("")
        let output = Program.Output(standard: { text in said.withLock { $0 += text } }, error: { _ in })
        let flags = ["-azure-metadata-endpoint", "http://127.0.0.1:9", "-timeout", "1s"]
        let status = PeerPodControlCommand.program(output: output).run(["check", "azure"] + flags, environment: [:])
        #expect(status == 1)
        #expect(said.withLock { $0 }.contains("-imageid (AZURE_IMAGE_ID) is not set"))
    }
}
