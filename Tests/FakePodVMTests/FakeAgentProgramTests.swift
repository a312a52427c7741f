import Configuration
import LinuxIO
import TestSupport
import Testing

@testable import FakeAgent

@Suite("The stand-in for kata-agent in an image")
struct FakeAgentProgramTests {
    private static let unit = "[agent]\n# comment\nserver_addr = \"unix:///run/kata-containers/agent.sock\"\nx = 1\n"

    private func socket(_ text: String) throws -> String {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/fake-agent-")
        defer { try? Files.removeTree(directory) }
        let path = directory + "/agent.toml"
        try Files.write(text.utf8, to: path, at: 0)
        return try AgentConfigurationFile.socket(in: path)
    }

    @Test("serves the socket of kata-agent's configuration")
    func configuration() throws {
        #expect(try socket(Self.unit) == "/run/kata-containers/agent.sock")
        #expect(try socket("server_addr=\"unix:///x\"") == "/x")
    }

    @Test(
        "refuses a configuration without a Unix socket",
        arguments: [
            "", "server_addr", "server_addr = unix:///x", "server_addr = \"vsock://-1:1024\"", "server_addr = \"\"",
        ])
    func refusal(text: String) {
        #expect(throws: ConfigurationError.self) { try socket(text) }
    }

    @Test(
        "refuses a configuration that does not exist, and unknown flags", arguments: [["-config", "/nowhere"], ["-x"]])
    func arguments(words: [String]) {
        let complaint = Lock("")
        let output = Program.Output(standard: { _ in }, error: { text in complaint.withLock { $0 += text } })
        #expect(FakeAgentCommand.program(output: output).run(words, environment: [:]) == 1)
        #expect(!complaint.withLock { $0 }.isEmpty)
    }
}
