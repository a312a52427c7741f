import LinuxIO
import PodVMBoot
import Testing

@Suite("Provisioning")
final class ProvisionerTests {
    private let base: String
    private var directory: String { "\(base)/run/peerpod" }

    init() throws { base = try Files.makeTemporaryDirectory(prefix: "/tmp/boot-") }
    deinit { try? Files.removeTree(base) }

    private func provision(_ files: [CloudConfig.File]) throws -> [String] {
        try Provisioner(directory: directory).provision(userData: CloudConfig(files: files).encoded())
    }

    private func content(_ name: String) throws -> String {
        String(decoding: try DurableFile.read("\(directory)/\(name)", limit: 1 << 20), as: UTF8.self)
    }

    private var present: [String] { (try? Files.list(directory)) ?? [] }

    private let document = CloudConfig.File(
        path: "/run/peerpod/apf.json",
        content: String(decoding: BootDocument(podName: "a", podNamespace: "b").encoded, as: UTF8.self))

    @Test("writes all six files, secrets for root alone, apf.json last")
    func all() throws {
        let initdata = try Initdata(text: Array("version = \"0.1.0\"\n".utf8)).packed
        let written = try provision([
            document, .init(path: "/run/peerpod/auth.json", content: #"{"auths": {"r": {"auth": "eDp5"}}}"#),
            .init(path: "/run/peerpod/initdata", content: initdata),
            .init(path: "/run/peerpod/aa.toml", content: "a = 1"), .init(path: "/run/peerpod/cdh.toml", content: ""),
            .init(path: "/run/peerpod/scratch-space.marker", content: ""),
        ])
        #expect(present == GuestFile.allCases.map(\.rawValue).sorted())
        #expect(written.last == "\(directory)/apf.json")
        for file in GuestFile.allCases {
            #expect(Files.permissions("\(directory)/\(file.rawValue)") == file.mode)
        }
        #expect(GuestFile.bootDocument.mode == 0o600 && GuestFile.registryCredentials.mode == 0o600)
        #expect(try content("apf.json") == document.content)
        #expect(try content("aa.toml") == "a = 1\n")
        #expect(try content("scratch-space.marker") == "")
    }

    @Test("replaces what is there")
    func again() throws {
        _ = try provision([document, .init(path: "/run/peerpod/aa.toml", content: "a = 1")])
        _ = try provision([document, .init(path: "/run/peerpod/aa.toml", content: "b = 2")])
        #expect(try content("aa.toml") == "b = 2\n")
    }

    @Test(
        "names each file that is not allowed and writes none",
        arguments: [
            "/etc/passwd", "/run/peerpod/other", "/run/peerpod/../peerpod/aa.toml", "/run/peerpod/apf.json/",
            "/run/peerpod//aa.toml", "/run/peerpod/agent-config.toml", "/RUN/peerpod/aa.toml",
        ])
    func notAllowed(path: String) {
        let error = #expect(throws: BootError.self) {
            try provision([document, .init(path: path, content: "x"), .init(path: "/x", content: "")])
        }
        #expect(error?.code == .notAllowed)
        #expect(error?.reason.contains("\"\(path)\", \"/x\"") == true)
        #expect(present == [])
    }

    @Test(
        "writes nothing when a part could not be read by whom it is for",
        arguments: [
            ("apf.json", "{}"), ("auth.json", "x"), ("auth.json", #"{"auths": []}"#), ("initdata", "version = 1"),
            ("initdata", ""),
        ])
    func unreadable(name: String, content: String) {
        let other = CloudConfig.File(path: "/run/peerpod/aa.toml", content: "a = 1")
        let part = CloudConfig.File(path: "/run/peerpod/\(name)", content: content)
        #expect(throws: BootError.self) {
            try provision(name == "apf.json" ? [other, part] : [other, document, part])
        }
        #expect(present == [])
    }

    @Test("wants an apf.json")
    func withoutDocument() {
        #expect(throws: BootError.self) { try provision([.init(path: "/run/peerpod/aa.toml", content: "a = 1")]) }
        #expect(throws: BootError.self) { try provision([]) }
        #expect(present == [])
    }

    @Test("takes back what it wrote when a later file cannot be written")
    func halfWay() throws {
        // A directory of that name cannot be replaced by a file.
        try Files.makeDirectories("\(directory)/apf.json")
        let error = #expect(throws: BootError.self) {
            try provision([document, .init(path: "/run/peerpod/aa.toml", content: "a = 1")])
        }
        #expect(error?.code == .inputOutput)
        #expect(error?.reason.contains("apf.json") == true)
        #expect(present == ["apf.json"])
    }

    @Test("says so when the directory cannot be made")
    func noDirectory() throws {
        try DurableFile.write([], to: "\(base)/run")
        let error = #expect(throws: BootError.self) { try provision([document]) }
        #expect(error?.code == .inputOutput)
    }
}
