import AgentTunnel
import Configuration
import LinuxIO
import PodVMBoot
import Telemetry
import Testing

@testable import AgentProtocolForwarder

@Suite("The command line")
struct ForwarderCommandTests {
    private let guest: Guest

    init() throws { guest = try Guest() }

    private struct Outcome: Equatable {
        var status: Int32
        var output = ""
        var error = ""
    }

    private func run(_ arguments: String...) -> Outcome {
        let said = Lock((output: "", error: ""))
        let output = Program.Output(
            standard: { text in said.withLock { $0.output += text } },
            error: { text in said.withLock { $0.error += text } })
        let program = ForwarderCommand.program(output: output) { level, _ in
            Logger(level: level, format: .human) { line in output.error(String(decoding: line, as: UTF8.self)) }
        }
        let status = program.run(arguments, environment: [:])
        return said.withLock { Outcome(status: status, output: $0.output, error: $0.error) }
    }

    private func userData(_ files: [CloudConfig.File]) throws -> String {
        try guest.write(String(decoding: CloudConfig(files: files).encoded(), as: UTF8.self), to: "user-data")
    }

    private let document = CloudConfig.File(
        path: "/run/peerpod/apf.json",
        content: String(decoding: BootDocument(podName: "a", podNamespace: "b").encoded, as: UTF8.self))

    @Test("has the defaults of the Go forwarder")
    func defaults() {
        let values = ForwarderOptions.command.values(of: ForwarderOptions())
        let wanted = [
            ("config", "/run/peerpod/apf.json"), ("listen", "0.0.0.0:15150"),
            ("kata-agent-socket", "/run/kata-containers/agent.sock"), ("pod-namespace", "/run/netns/podns"),
            ("host-interface", ""), ("pod-metadata", "false"), ("ca-cert-file", ""), ("cert-file", ""),
            ("cert-key", ""),
            ("tls-skip-verify", "false"), ("disable-tls", "false"),
        ]
        for (name, value) in wanted { #expect(values.first { $0.name == name }?.value == value, "\(name)") }
    }

    @Test("prints its version, for -version, --version and version", arguments: ["-version", "--version", "version"])
    func version(word: String) {
        #expect(run(word) == Outcome(status: 0, output: "agent-protocol-forwarder \(ProjectVersion.text)\n"))
    }

    @Test("prints its help", arguments: ["help", "-help", "--help"])
    func help(word: String) {
        let outcome = run(word)
        #expect(outcome.status == 0)
        for flag in ["-config", "-listen", "-kata-agent-socket", "-disable-tls"] {
            #expect(outcome.output.contains(flag), "\(flag)")
        }
    }

    @Test(
        "listens on the address on which the Go forwarder listens",
        arguments: [("localhost:15151", "127.0.0.1:15151"), ("[::1]:15150", "[::1]:15150")])
    func listen(text: String, meaning: String) throws {
        let request = try ForwarderOptions.command.parse(["-listen", text], environment: [:])
        guard case .run(let options, operands: _) = request else { throw Failure() }
        #expect(options.listen.description == meaning)
    }

    private struct Failure: Error {}

    @Test("refuses flags and values that it does not know, with a sentence")
    func badFlags() {
        #expect(run("-unknown").status == 1)
        #expect(run("-listen", "nowhere").error.contains("an address or a known name, and a port"))
        #expect(run("surplus").status == 1)
    }

    @Test("ends with status 1 and an error when it cannot start")
    func cannotStart() throws {
        let outcome = run("-config", guest.config)
        #expect(outcome.status == 1)
        #expect(outcome.error.contains("the boot document cannot be read"))
        let identity = try SandboxIdentity.make(vmName: Guest.vmName)
        try guest.write(identity)
        let taken = run("-config", guest.config, "-listen", "203.0.113.1:1")
        #expect(taken.status == 1)
        #expect(taken.error.contains("203.0.113.1:1"))
    }

    @Test("provisions the files of the user data, and warns about the files that it skips")
    func provision() throws {
        let file = try userData([
            document, .init(path: "/run/peerpod/scratch-space.marker", content: ""),
            .init(path: "/run/peerpod/later", content: "x"),
        ])
        let root = "\(guest.path)/run"
        let outcome = run("provision", "--user-data", file, "--root", root)
        let warning = "warning: /run/peerpod/later is skipped: this guest does not use it\n"
        #expect(
            outcome
                == Outcome(
                    status: 0, output: "wrote \(root)/scratch-space.marker\nwrote \(root)/apf.json\n",
                    error: "agent-protocol-forwarder provision: \(warning)"))
        #expect(try Files.list(root) == ["apf.json", "scratch-space.marker"])
    }

    @Test("takes the configuration of attestation from user data only when a flag of the image allows it")
    func unmeasured() throws {
        let file = try userData([document, .init(path: "/run/peerpod/aa.toml", content: "a = 1")])
        let root = "\(guest.path)/run"
        let refused = run("provision", "-user-data", file, "-root", root)
        #expect(refused.status == 1)
        #expect(refused.error.contains("/run/peerpod/aa.toml: aa.toml may come only with the initdata"))
        #expect(!Files.exists(root))
        #expect(run("provision", "-user-data", file, "-root", root, "-unmeasured-attestation").status == 0)
        #expect(try Files.list(root) == ["aa.toml", "apf.json"])
    }

    @Test("provisions nothing when the user data is missing, is not a cloud-config, or has a path that is not allowed")
    func refusesToProvision() throws {
        let root = "\(guest.path)/run"
        let cases = [
            (try guest.write("#!/bin/sh\n", to: "script"), "neither a cloud-config nor"),
            (try userData([document, .init(path: "/etc/passwd", content: "x")]), "/etc/passwd: its path is outside"),
            (try guest.write("", to: "empty"), "not a cloud-config"),
            ("\(guest.path)/gone", "No such file or directory"),
        ]
        for (file, reason) in cases {
            let outcome = run("provision", "-user-data", file, "-root", root)
            #expect(outcome.status == 1)
            #expect(outcome.error.contains(reason), "\(outcome.error)")
            #expect(outcome.output.isEmpty)
            #expect(!Files.exists(root))
        }
        let endpoint = run("provision", "-imds-endpoint", "https://169.254.169.254", "-root", root)
        #expect(endpoint.status == 1)
        #expect(endpoint.error.contains("is not an endpoint: expected http:// and a numeric address"))
    }
}
