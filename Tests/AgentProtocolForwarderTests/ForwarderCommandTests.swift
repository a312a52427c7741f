import AgentTunnel
import Configuration
import ForwarderRig
import LinuxIO
import MeasuredBoot
import PodVMBoot
import TLS
import Telemetry
import TestSupport
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

    private func run(_ arguments: String...) -> Outcome { run(arguments) }

    private func run(_ arguments: [String]) -> Outcome {
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

    /// Provisions as an image of VMs without a TPM, whose pods need no initdata.
    private func provision(_ arguments: String...) -> Outcome {
        run(["provision", "-tpm", "none", "-require-initdata=false"] + arguments)
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
        let outcome = provision("--user-data", file, "--root", root)
        let warning = "warning: /run/peerpod/later is skipped: this guest does not use it\n"
        #expect(
            outcome
                == Outcome(
                    status: 0,
                    output: ["scratch-space.marker", "policy.rego", "apf.json"].map { "wrote \(root)/\($0)\n" }
                        .joined(),
                    error: "agent-protocol-forwarder provision: \(warning)"))
        #expect(try Files.list(root) == ["apf.json", "policy.rego", "scratch-space.marker"])
    }

    private let initdata = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n[data]\n\"aa.toml\" = \"a = 1\"\n"

    private func measuredUserData() throws -> String {
        let packed = try Initdata(text: Array(initdata.utf8)).packed
        return try userData([document, .init(path: "/run/peerpod/initdata", content: packed)])
    }

    @Test(
        "measures the initdata with the TPM before it writes files, once for each boot of the VM",
        .enabled(if: SoftwareTPM.isInstalled, "needs swtpm"))
    func measured() async throws {
        try await onLoop { loop in
            let root = "\(guest.path)/run"
            let file = try measuredUserData()
            let digest = try HashFunction.sha256.hash(of: Array(initdata.utf8))
            let expected = try BootMeasurements.pcr8(initdataDigest: digest)
            // swtpm keeps its state while it serves one connection after the other.
            let tpm = try await SoftwareTPM(on: loop)
            let outcome = run("provision", "-user-data", file, "-root", root, "-tpm", tpm.path)
            #expect(outcome.status == 0, "\(outcome.error)")
            #expect(outcome.error.contains("PCR 8 of the TPM has the initdata: \(expected)\n"))
            #expect(try Files.list(root) == ["aa.toml", "apf.json", "initdata", "initdata.digest", "policy.rego"])
            let again = run("provision", "-user-data", file, "-root", root, "-tpm", tpm.path)
            #expect(again.status == 1 && again.error.contains("provisioned already"))
            try Files.removeTree(root)
            let used = run("provision", "-user-data", file, "-root", root, "-tpm", tpm.path)
            #expect(used.status == 1)
            #expect(used.error.contains("PCR 8 is \(expected) before the measurement"), "\(used.error)")
            #expect(!Files.exists(root))
        }
    }

    @Test("provisions nothing without the TPM, or without initdata, unless the image says so")
    func strict() throws {
        let root = "\(guest.path)/run"
        let file = try measuredUserData()
        let noTPM = run("provision", "-user-data", file, "-root", root, "-tpm", "\(guest.path)/tpm")
        #expect(noTPM.status == 1)
        #expect(noTPM.error.contains("measurement: opening the TPM: open("), "\(noTPM.error)")
        let noInitdata = run("provision", "-user-data", try userData([document]), "-root", root, "-tpm", "none")
        #expect(noInitdata.status == 1)
        #expect(noInitdata.error.contains("this image starts no pod without it"))
        #expect(!Files.exists(root))
        let unmeasured = run("provision", "-user-data", try measuredUserData(), "-root", root, "-tpm", "none")
        #expect(unmeasured.status == 0)
        #expect(unmeasured.error.contains("warning: the initdata is not measured: this VM has no TPM"))
    }

    @Test("also provisions under the name and with the flags of the Go project")
    func otherName() throws {
        let root = "\(guest.path)/run"
        let said = Lock("")
        let output = Program.Output(
            standard: { text in said.withLock { $0 += text } }, error: { text in said.withLock { $0 += text } })
        let program = ProcessUserData.program(output, dropsPrivileges: false)
        let arguments = ["provision-files", "-t", "5", "-user-data", try measuredUserData(), "-root", root]
        #expect(program.run(arguments, environment: ["PROVISION_TPM": "none"]) == 0)
        #expect(said.withLock { $0 }.contains("process-user-data provision-files: warning: the initdata is not"))
        #expect(Files.exists("\(root)/apf.json"))
        #expect(program.run(["update-agent-config"], environment: [:]) == 1)
    }

    @Test("a policy of the image replaces the one that denies everything")
    func policyOfImage() throws {
        let root = "\(guest.path)/run"
        let policy = try guest.write("package agent_policy\n", to: "policy")
        let file = try measuredUserData()
        #expect(provision("-user-data", file, "-root", root, "-default-policy", policy).status == 0)
        #expect(try DurableFile.read("\(root)/policy.rego", limit: 4096) == Array("package agent_policy\n".utf8))
        let other = provision("-user-data", file, "-root", "\(root)2", "-default-policy", "\(guest.path)/missing")
        #expect(other.status == 1 && !Files.exists("\(root)2"))
    }

    @Test("takes the configuration of attestation from user data only when a flag of the image allows it")
    func unmeasured() throws {
        let file = try userData([document, .init(path: "/run/peerpod/aa.toml", content: "a = 1")])
        let root = "\(guest.path)/run"
        let refused = provision("-user-data", file, "-root", root)
        #expect(refused.status == 1)
        #expect(refused.error.contains("/run/peerpod/aa.toml: aa.toml may come only with the initdata"))
        #expect(!Files.exists(root))
        #expect(provision("-user-data", file, "-root", root, "-unmeasured-attestation").status == 0)
        #expect(try Files.list(root) == ["aa.toml", "apf.json", "policy.rego"])
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
            let outcome = provision("-user-data", file, "-root", root)
            #expect(outcome.status == 1)
            #expect(outcome.error.contains(reason), "\(outcome.error)")
            #expect(outcome.output.isEmpty)
            #expect(!Files.exists(root))
        }
        let endpoint = provision("-imds-endpoint", "https://169.254.169.254", "-root", root)
        #expect(endpoint.status == 1)
        #expect(endpoint.error.contains("is not an endpoint: expected http:// and a numeric address"))
    }
}
