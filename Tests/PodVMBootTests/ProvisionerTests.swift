import LinuxIO
import PodVMBoot
import Testing

@Suite("Provisioning")
final class ProvisionerTests {
    private let base: String
    private var directory: String { "\(base)/run/peerpod" }

    init() throws { base = try Files.makeTemporaryDirectory(prefix: "/tmp/boot-") }
    deinit { try? Files.removeTree(base) }

    /// Provisions a guest whose image requires no initdata, unless the test says otherwise.
    @discardableResult
    private func provision(
        _ files: [CloudConfig.File], allowsUnmeasured: Bool = false, requiresInitdata: Bool = false,
        measure: ([UInt8]?) throws -> Void = { _ in }
    ) throws -> Provisioner.Outcome {
        var rules = Provisioner.Rules()
        rules.allowsUnmeasured = allowsUnmeasured
        rules.requiresInitdata = requiresInitdata
        return try Provisioner(directory: directory, rules: rules)
            .provision(userData: CloudConfig(files: files).encoded(), measure: measure)
    }

    private func initdata(_ text: String) throws -> CloudConfig.File {
        file("initdata", try Initdata(text: Array(text.utf8)).packed)
    }

    private static let header = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n[data]\n"

    private func content(_ name: String) throws -> String {
        String(decoding: try DurableFile.read("\(directory)/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    private var present: [String] { (try? Files.list(directory)) ?? [] }

    private let document = CloudConfig.File(
        path: "/run/peerpod/apf.json",
        content: String(decoding: BootDocument(podName: "a", podNamespace: "b").encoded, as: UTF8.self))

    private func file(_ name: String, _ content: String = "") -> CloudConfig.File {
        .init(path: "/run/peerpod/\(name)", content: content)
    }

    @Test("writes all six files if user data may configure attestation: secrets only for root, apf.json last")
    func all() throws {
        let outcome = try provision(
            [
                document, file("auth.json", #"{"auths": {"r": {"auth": "eDp5"}}}"#), initdata(Self.header),
                file("aa.toml", "a = 1"), file("cdh.toml"), file("scratch-space.marker"),
            ], allowsUnmeasured: true)
        #expect(present == (GuestFile.allCases.map(\.rawValue) + ["initdata.digest", "policy.rego"]).sorted())
        #expect(outcome.written.last == "\(directory)/apf.json")
        #expect(outcome.skipped == [])
        for file in GuestFile.allCases {
            #expect(Files.permissions("\(directory)/\(file.rawValue)") == file.mode)
        }
        #expect(GuestFile.bootDocument.mode == 0o600 && GuestFile.registryCredentials.mode == 0o600)
        #expect(try content("apf.json") == document.content)
        #expect(try content("aa.toml") == "a = 1\n")
        #expect(try content("scratch-space.marker") == "")
    }

    @Test("replaces files of the image, but provisions a guest once: a second time nothing changes")
    func again() throws {
        try Files.makeDirectories(directory)
        for name in ["auth.json", "policy.rego"] {
            try DurableFile.write(Array("the image's".utf8), to: "\(directory)/\(name)")
        }
        try provision([document, file("auth.json", #"{"auths": {}}"#)])
        #expect(try content("auth.json") == #"{"auths": {}}"# + "\n")
        #expect(try content("policy.rego") == AgentPolicy.denyAll)
        var isMeasured = false
        let error = #expect(throws: BootError.self) {
            try provision([document, file("auth.json", #"{"auths": {"r": {}}}"#)]) { _ in isMeasured = true }
        }
        #expect(error?.code == .notAllowed)
        #expect(error?.reason.contains("provisioned already") == true)
        #expect(!isMeasured)
        #expect(try content("auth.json") == #"{"auths": {}}"# + "\n")
    }

    @Test(
        "refuses configuration in user data that must be measured, and writes nothing",
        arguments: ["aa.toml", "cdh.toml", "policy.rego", "initdata.digest"])
    func unmeasured(name: String) {
        for content in ["a = 1", ""] {
            let error = #expect(throws: BootError.self) { try provision([document, file(name, content)]) }
            #expect(error?.code == .notAllowed)
            #expect(error?.reason.contains("/run/peerpod/\(name): \(name) ") == true, "\(error?.reason ?? "")")
            #expect(error?.reason.contains("initdata") == true)
        }
        #expect(present == [])
    }

    @Test("no setting allows the policy or the digest in user data", arguments: ["policy.rego", "initdata.digest"])
    func derived(name: String) {
        #expect(throws: BootError.self) { try provision([document, file(name, "x")], allowsUnmeasured: true) }
        #expect(present == [])
    }

    @Test("skips files that this guest does not use, and reports them")
    func skipped() throws {
        let outcome = try provision([
            file("agent-config.toml", "x"), document, file("later/x"), file("AA.toml", "x"), file("apf.json.d"),
            file("auth.json", #"{"auths": {}}"#),
        ])
        #expect(outcome.written == ["auth.json", "policy.rego", "apf.json"].map { "\(directory)/\($0)" })
        #expect(
            outcome.skipped
                == ["agent-config.toml", "later/x", "AA.toml", "apf.json.d"].map { "/run/peerpod/\($0)" })
        #expect(present == ["apf.json", "auth.json", "policy.rego"])
    }

    @Test(
        "refuses paths to other places, or other names of a file, and writes nothing",
        arguments: [
            "/etc/passwd", "/run/peerpod/../peerpod/aa.toml", "/run/peerpod/apf.json/", "/run/peerpod//aa.toml",
            "/run/peerpod/./x", "/RUN/peerpod/aa.toml", "/var/run/peerpod/aa.toml", "/run/peerpod", "/run/peerpod/",
            "/",
            "/run/peerpods/x", "//run/peerpod/x", "/run/peerpod/x/..",
        ])
    func elsewhere(path: String) {
        for allowsUnmeasured in [false, true] {
            let error = #expect(throws: BootError.self) {
                try provision([document, .init(path: path, content: "x")], allowsUnmeasured: allowsUnmeasured)
            }
            #expect(error?.code == .notAllowed)
            #expect(error?.reason.contains("it has \(path): its path") == true, "\(error?.reason ?? "")")
        }
        #expect(present == [])
    }

    @Test(
        "reports a path that is relative or not plain by its position",
        arguments: [("S3cret/x", true), ("../S3cret", true), ("/run/peerpod/S3cret \u{202E}x", false)])
    func unplain(path: String, isRefused: Bool) throws {
        let text =
            "#cloud-config\nwrite_files:\n- path: /run/peerpod/apf.json\n  content: '\(document.content.filter { $0 != "\n" })'\n"
            + "- path: '\(path)'\n"
        var rules = Provisioner.Rules()
        rules.requiresInitdata = false
        let provisioner = Provisioner(directory: directory, rules: rules)
        func provision() throws -> Provisioner.Outcome {
            try provisioner.provision(userData: Array(text.utf8)) { _ in }
        }
        if isRefused {
            let error = #expect(throws: BootError.self) { try provision() }
            #expect(error?.reason.contains("it has file 2 of write_files: its path is relative") == true)
            #expect(error?.description.contains("S3cret") == false)
        } else {
            #expect(try provision().skipped == ["file 2 of write_files"])
        }
    }

    @Test(
        "writes nothing when the program that reads a file could not parse it",
        arguments: [
            ("apf.json", "{}"), ("auth.json", "x"), ("auth.json", #"{"auths": []}"#), ("initdata", "version = 1"),
            ("initdata", ""),
        ])
    func unreadable(name: String, content: String) {
        let other = file("scratch-space.marker")
        let part = file(name, content)
        #expect(throws: BootError.self) {
            try provision(name == "apf.json" ? [other, part] : [other, document, part])
        }
        #expect(present == [])
    }

    @Test("requires an apf.json")
    func withoutDocument() {
        #expect(throws: BootError.self) { try provision([file("scratch-space.marker")]) }
        #expect(throws: BootError.self) { try provision([]) }
        #expect(present == [])
    }

    @Test("removes the files that it wrote when a later file cannot be written")
    func halfWay() throws {
        // A directory of that name cannot be replaced by a file.
        try Files.makeDirectories("\(directory)/policy.rego")
        let error = #expect(throws: BootError.self) {
            try provision([document, file("scratch-space.marker")])
        }
        #expect(error?.code == .inputOutput)
        #expect(error?.reason.contains("policy.rego") == true)
        #expect(present == ["policy.rego"])
    }

    @Test("reports when the directory cannot be created")
    func noDirectory() throws {
        try DurableFile.write([], to: "\(base)/run")
        let error = #expect(throws: BootError.self) { try provision([document]) }
        #expect(error?.code == .inputOutput)
    }
}
