import Encoding
import LinuxIO
import PodVMBoot
import Testing

@Suite("Provisioning with initdata")
final class ProvisionInitdataTests {
    private let directory: String

    init() throws { directory = try Files.makeTemporaryDirectory(prefix: "/tmp/boot-") }
    deinit { try? Files.removeTree(directory) }

    private var present: [String] { (try? Files.list(directory)) ?? [] }

    private func content(_ name: String) throws -> String {
        String(decoding: try DurableFile.read("\(directory)/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    private static let header = "algorithm = \"sha256\"\nversion = \"0.1.0\"\n[data]\n"

    private func userData(_ initdata: String?, _ others: [CloudConfig.File] = []) throws -> [UInt8] {
        let document = BootDocument(podName: "a", podNamespace: "b").encoded
        let content = String(decoding: document, as: UTF8.self)
        var files = [CloudConfig.File(path: "/run/peerpod/apf.json", content: content)]
        if let initdata {
            let packed = try Initdata(text: Array(initdata.utf8)).packed
            files.append(.init(path: "/run/peerpod/initdata", content: packed))
        }
        return try CloudConfig(files: files + others).encoded()
    }

    private func provision(
        _ userData: [UInt8], _ rules: Provisioner.Rules = .init(), measure: ([UInt8]?) throws -> Void = { _ in }
    ) throws -> Provisioner.Outcome {
        try Provisioner(directory: directory, rules: rules).provision(userData: userData, measure: measure)
    }

    @Test("writes the files of the initdata, and its digest, after the measurement, with apf.json last")
    func files() throws {
        let policy = "'''\npackage agent_policy\n'''"
        let text = Self.header + "\"aa.toml\" = \"a = 1\"\n\"policy.rego\" = \(policy)\n\"cdh.toml\" = \"\"\n"
        var measured: [[UInt8]?] = []
        let outcome = try provision(userData(text)) { digest in
            measured.append(digest)
            #expect(present == [], "nothing is written before the measurement")
        }
        let digest = try InitdataContent(Initdata(text: Array(text.utf8))).digest()
        #expect(measured == [digest])
        #expect(
            outcome.written.map { $0.dropFirst(directory.count + 1) }
                == ["initdata", "initdata.digest", "aa.toml", "policy.rego", "cdh.toml", "apf.json"])
        #expect(try content("initdata.digest") == Hexadecimal.encode(digest))
        #expect(try content("aa.toml") == "a = 1")
        #expect(try content("policy.rego") == "package agent_policy\n")
        #expect(try content("cdh.toml") == "")
        for name in ["initdata.digest", "aa.toml", "policy.rego"] {
            #expect(Files.permissions("\(directory)/\(name)") == 0o644)
        }
    }

    private struct NoTPM: Error {}

    @Test("writes nothing when the measurement fails")
    func unmeasured() throws {
        #expect(throws: NoTPM.self) { try provision(userData(Self.header)) { _ in throw NoTPM() } }
        #expect(present == [])
    }

    @Test("denies every request of the agent if the initdata has no policy; another policy is a rule of the image")
    func defaultPolicy() throws {
        _ = try provision(userData(Self.header))
        #expect(try content("policy.rego") == AgentPolicy.denyAll)
        #expect(AgentPolicy.denyAll.contains("package agent_policy") && !AgentPolicy.denyAll.contains("true"))
        try Files.removeTree(directory)
        var rules = Provisioner.Rules()
        rules.defaultPolicy = "package agent_policy\n# of the image\n"
        _ = try provision(userData(Self.header), rules)
        #expect(try content("policy.rego") == rules.defaultPolicy)
    }

    @Test("requires initdata, unless a rule of the image says otherwise; then nothing is measured")
    func required() throws {
        var calls = 0
        let error = #expect(throws: BootError.self) { try provision(userData(nil)) { _ in calls += 1 } }
        #expect(error?.code == .notAllowed)
        #expect(error?.description.contains("this image starts no pod without it") == true)
        #expect(calls == 0)
        #expect(present == [])
        var rules = Provisioner.Rules()
        rules.requiresInitdata = false
        _ = try provision(userData(nil), rules) { digest in
            calls += 1
            #expect(digest == nil)
        }
        #expect(calls == 1)
        #expect(present == ["apf.json", "policy.rego"])
    }

    @Test(
        "refuses initdata that is damaged, or that this guest does not understand, before the measurement",
        arguments: [
            ("# comment\n", "it has no version"), ("algorithm = \"sha256\"\nversion = \"0.1.0\"\n", "no table data"),
            (header.replacing("0.1.0", with: "0.2.0"), "only 0.1.0 is known"),
            (header.replacing("sha256", with: "sha1"), "instead of sha256"),
            (header + "\"aa.toml\" = 1\n", "a value is not a string"), ("algorithm = \"sha256\n", "line 1"),
            (header + "\"image-policy.json\" = \"x\"\n", "has \"image-policy.json\", which this guest does not use"),
            (header + "\"../../etc/passwd\" = \"x\"\n", "which this guest does not use"),
            (header + "\"apf.json\" = \"{}\"\n", "which this guest does not use"),
        ])
    func damaged(text: String, reason: String) throws {
        let error = #expect(throws: BootError.self) {
            try provision(userData(text)) { _ in Issue.record("it is measured") }
        }
        #expect(error?.reason.contains(reason) == true, "\(error?.description ?? "")")
        #expect(present == [])
    }

    @Test("refuses a file twice, and a file that both the user data and the initdata have")
    func twice() throws {
        let marker = CloudConfig.File(path: "/run/peerpod/scratch-space.marker", content: "")
        #expect(throws: BootError.self) { try provision(userData(Self.header, [marker, marker])) }
        var rules = Provisioner.Rules()
        rules.allowsUnmeasured = true
        let given = CloudConfig.File(path: "/run/peerpod/aa.toml", content: "x")
        let error = #expect(throws: BootError.self) {
            try provision(userData(Self.header + "\"aa.toml\" = \"a = 1\"\n", [given]), rules)
        }
        #expect(error?.reason.contains("both it and the initdata have aa.toml") == true)
        #expect(present == [])
    }
}
