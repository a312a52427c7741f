import Configuration
import LinuxIO
import TestSupport
import Testing

@testable import PeerPodControl

@Suite("The manual page of peerpodctl")
struct DocumentationTests {
    private let said = CapturedOutput()

    @Test("has every command of the help, and groff accepts it without a warning")
    func page() async throws {
        #expect(PeerPodControlCommand.program(output: said.output).run(["man"], environment: [:]) == 0)
        for command in [
            "run", "status", "explain", "check node", "check cluster", "check azure", "support", "image uki",
        ] {
            #expect(said.standard.contains(".SS \"peerpodctl \(command)\"\n"))
        }
        #expect(said.standard.contains(".TH PEERPODCTL 1 "))
        #expect(!said.standard.contains("‹"), "characters outside ASCII are escaped")
        guard Files.isExecutable("/usr/bin/groff") else { try Test.cancel("needs Debian's groff") }
        let directory = try TemporaryDirectory()
        let file = try directory.write(said.standard, to: "peerpodctl.1")
        let run = try await onLoop { loop in
            let options = ChildProcess.Options(
                executable: "/usr/bin/groff", arguments: ["-man", "-Tutf8", "-ww", file])
            return try await ProgramRun.of(options, on: loop)
        }
        #expect(run.errorText.isEmpty, "\(run.errorText)")
        #expect(run.text.contains("runtimeRequestTimeout") || run.text.contains("kubelet"))
    }

    @Test("completes the flags of its commands")
    func completion() {
        let program = PeerPodControlCommand.program(output: said.output)
        #expect(program.run(["__complete", "timeline", "-report", ""], environment: [:]) == 0)
        #expect(said.standard == "text\nsvg\njson\n:4\n")
    }
}
