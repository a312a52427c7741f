import Configuration
import Encoding
import Glibc
import JSON
import LinuxIO
import PeerPodProtocol
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import PeerPodControl

/// Secrets as they are on nodes, and every form in which a file may have them.
private enum Planted {
    static let clientSecret = "7xQ8~hUzP3.vLw0TnKs-Yb2RcEa9MdFg5JiHo"
    static let bearer = "f3a9b1c7d5e2.Zm9vYmFyYmF6cXV4.0123456789abcdef"
    static let registryPassword = "Rp4!kq9-Wm2z@T"
    static let stray = "Xk29-Qw81-Lp07-Zz55"
    static let keyLine = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgpLanTeD0fakePart"
    static let key = "-----BEGIN PRIVATE KEY-----\n\(keyLine)\nAbCdEf0123456789\n-----END PRIVATE KEY-----\n"
    static let auth = Base64.encode(Array("robot:\(registryPassword)".utf8))
    static let webToken =
        "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQifQ.c2lnbmF0dXJlLXBhcnQ"

    /// What must not be in any file.
    static let all = [
        clientSecret, bearer, registryPassword, stray, keyLine, "AbCdEf0123456789", auth, webToken,
        Base64.encode(Array(clientSecret.utf8)), Base64.encode(Array(key.utf8)),
        Base64.encode(Array(registryPassword.utf8)),
    ]

    /// A text that has each secret by itself, as a log might.
    static var everything: String {
        """
        client \(clientSecret) said no
        Authorization: Bearer \(bearer)
        pull failed for robot:\(registryPassword)@registry.example.com, auth \(auth)
        https://robot:\(registryPassword)@registry.example.com/v2/
        {"level":"info","error":"{\\"password\\":\\"\(registryPassword)\\"}"}
        key \(key) and escaped \(key.split(separator: "\n").joined(separator: "\\n"))
        encoded \(Base64.encode(Array(key.utf8))) \(Base64.encode(Array(clientSecret.utf8)))
        the token \(webToken) has expired; \(Base64.encode(Array(registryPassword.utf8))); \(stray)
        """
    }
}

@Suite("peerpodctl support")
struct SupportTests {
    /// A node below a directory, whose every file has every secret.
    private func plant(in directory: TemporaryDirectory) throws {
        func write(_ path: String, _ text: String) throws {
            try Files.makeDirectories(Files.parent(of: directory.path + path))
            try DurableFile.write(Array(text.utf8), to: directory.path + path)
        }
        let all = Planted.everything
        try write("/proc/7/comm", "cloud-api-adapt\n")
        try write("/proc/7/cmdline", "cloud-api-adaptor\0")
        try write(
            "/proc/7/environ",
            "AZURE_CLIENT_SECRET=\(Planted.clientSecret)\0AZURE_REGION=westeurope\0ODD=\(Planted.stray)\0NODE_NAME=node-1\0"
                + "AZURE_FEDERATED_TOKEN_FILE=/var/token\0PATH=/usr/bin\0")
        try write("/var/token", Planted.bearer + "\n")
        try write("/etc/os-release", "NAME=Debian\n" + all)
        let sandbox = "/run/peerpod/pods/" + String(repeating: "0a", count: 32)
        try write(sandbox + "/record.json", #"{"state": "failed", "reason": "no room"}"#)
        try write(sandbox + "/network.json", all)
        try write(
            sandbox + "/identity.json",
            String(
                decoding: JSONValue.object(JSONObject([("key", .string(Planted.key))])).encoded(), as: UTF8.self))
        try write(
            sandbox + "/user-data",
            "#cloud-config\nwrite_files:\n- path: /run/peerpod/auth.json\n  content: |\n"
                + "    {\"auths\": {\"registry.example.com\": {\"auth\": \"\(Planted.auth)\"}}}\n")
        try write(
            "/etc/containerd/config.toml",
            "version = 2\n[plugins.\"io.containerd.grpc.v1.cri\".registry.configs.r.auth]\n"
                + "password = \"\(Planted.registryPassword)\"\nusername = 'robot'\n")
        try write("/var/lib/kubelet/config.yaml", "kind: KubeletConfiguration\nruntimeRequestTimeout: 3m\n")
        try write("/etc/cni/net.d/10.conflist", #"{"plugins":[{"type":"x","token":"\#(Planted.bearer)"}]}"#)
        try write("/var/log/pods/ns_cloud-api-adaptor-daemonset-x_uid/con/0.log", "useful line\n" + all)
        try write("/console.log", "boot line\n" + all)
    }

    /// Runs the command while an adaptor answers; the archive's files by name, unpacked by tar.
    private func collect(
        _ directory: TemporaryDirectory, failure: String, _ said: CapturedOutput
    ) async throws -> [String: String] {
        let socket = directory.path + "/hypervisor.sock"
        let archive = directory.path + "/bundle.tar.gz"
        return try await onLoop { loop in
            let listener = try Listener.listen(on: .unix(path: socket), loop: loop)
            let sandbox = SandboxStatus.with {
                ($0.id, $0.podName, $0.podNamespace) = (String(repeating: "0a", count: 32), "web", "shop")
                ($0.state, $0.failure) = ("failed", failure)
            }
            let server = Server(
                Service.services(of: [
                    Sandboxes.list.handled { _, _ in .with { $0.sandboxes = [sandbox] } },
                    Sandboxes.history.handled { _, _ in
                        .with { $0.sandboxes = [.with { ($0.sandbox, $0.sizeReason) = (sandbox, failure) }] }
                    },
                ]), on: loop)
            try await alongside({ do { try await server.serve(listener) } catch is CancellationError {} }) {
                var options = SupportOptions()
                (options.socket, options.root, options.file) = (socket, directory.path, archive)
                options.logs = [directory.path + "/console.log", directory.path + "/missing.log"]
                // Nothing listens on this port.
                options.probePort = 1
                let command = SupportCommand(options: options, output: said.output)
                let status = try await Thread.offLoop { command.run() }
                #expect(status == 0)
            }
            let unpack = ChildProcess.Options(
                executable: "/bin/tar", arguments: ["-xzf", archive, "-C", directory.path])
            let tar = try await ProgramRun.of(unpack, on: loop)
            #expect(tar.status == .exited(0) && tar.errorText.isEmpty, "\(tar.errorText)")
            return try Self.files(in: directory.path + "/peerpods-support")
        }
    }

    private static func files(in directory: String, below prefix: String = "") throws -> [String: String] {
        var files: [String: String] = [:]
        for name in try Files.list(directory) {
            let path = "\(directory)/\(name)"
            if Files.isDirectory(path) {
                files.merge(try Self.files(in: path, below: "\(prefix)\(name)/")) { one, _ in one }
            } else {
                files[prefix + name] = String(decoding: try DurableFile.read(path, limit: 64 << 20), as: UTF8.self)
            }
        }
        return files
    }

    @Test("has what a support case needs, and none of the secrets that were planted everywhere")
    func planted() async throws {
        let directory = try TemporaryDirectory()
        let said = CapturedOutput()
        try plant(in: directory)
        let files = try await collect(directory, failure: "VM failed: " + Planted.everything, said)
        for (name, text) in files {
            for secret in Planted.all { #expect(!text.contains(secret), "\(name) contains \(secret)") }
        }
        for secret in Planted.all { #expect(!said.standard.contains(secret)) }
        let record = "records/" + String(repeating: "0a", count: 32)
        #expect(files["\(record)/record.json"]?.contains("no room") == true)
        #expect(files["\(record)/identity.json"] == nil && files["\(record)/user-data"] == nil)
        #expect(files["status.json"]?.contains("VM failed: client ‹secret› said no") == true)
        #expect(files["explain.json"]?.contains("web") == true)
        #expect(files["environment.txt"]?.contains("AZURE_REGION=westeurope\n") == true)
        #expect(files["environment.txt"]?.contains("ODD=‹not shown›\n") == true)
        #expect(files["configuration/etc/containerd/config.toml"]?.contains("username = 'robot'") == true)
        #expect(files["check-node.json"]?.contains("runtimeRequestTimeout is 3m") == true)
        #expect(files["versions.txt"]?.contains("NAME=Debian") == true)
        #expect(files.contains { $0.key.hasPrefix("logs/") && $0.value.hasPrefix("useful line") })
        #expect(files.contains { $0.key.hasPrefix("logs/") && $0.value.hasPrefix("boot line") })
        let readme = try #require(files["README"])
        #expect(readme.contains("record.json") && readme.contains("secrets removed"))
        #expect(readme.contains("missing.log") && readme.contains("metrics.txt"))
    }

    @Test("the archive belongs to this user alone, and never replaces a file")
    func mode() async throws {
        let directory = try TemporaryDirectory()
        _ = try await collect(directory, failure: "", CapturedOutput())
        var status = stat()
        #expect(unsafe stat(directory.path + "/bundle.tar.gz", &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
        let said = CapturedOutput()
        var options = SupportOptions()
        (options.root, options.file) = (directory.path, directory.path + "/bundle.tar.gz")
        (options.socket, options.probePort) = (directory.path + "/none", 1)
        let command = SupportCommand(options: options, output: said.output)
        #expect(try await Thread.offLoop { command.run() } == 125)
        #expect(said.error.contains("bundle.tar.gz"))
    }

    @Test(
        "finds values whose names announce a secret, and leaves other text as it is",
        arguments: [
            ("AZURE_CLIENT_SECRET=abc", "AZURE_CLIENT_SECRET=‹secret›"),
            (#"{"clientSecret": "a\"b", "x": 1}"#, #"{"clientSecret": "‹secret›", "x": 1}"#),
            ("password = 'a b' # c", "password = '‹secret›' # c"),
            ("  token: abc", "  token: ‹secret›"), ("Authorization: Basic YWJj", "Authorization: Basic ‹secret›"),
            ("password: |\n  one\n  two\nnext: 1", "password: |\n‹secret›\n‹secret›\nnext: 1"),
            ("https://u:p@h/x?sig=abc&y=1", "https://‹secret›@h/x?sig=‹secret›&y=1"),
            ("the token: abc is short", "the token: abc is short"), ("token_file=/var/x", "token_file=/var/x"),
            ("secretName: pull", "secretName: pull"), ("tokens: true", "tokens: true"),
            ("secrets: [\"a\"]", "secrets: [\"a\"]"), ("size: 4", "size: 4"),
            ("-----BEGIN CERTIFICATE-----\nx", "-----BEGIN CERTIFICATE-----\nx"),
            ("-----BEGIN EC PRIVATE KEY-----\nx", "‹secret›"),
        ])
    func sensitive(text: String, expected: String) { #expect(SupportRedaction().redacted(text) == expected) }

    @Test("no text is a fault, and long ones end in time")
    func hostile() {
        let redaction = SupportRedaction()
        for text in [
            "", "=", ":", "password", "password=", "\"password\":\"", "://", "://@", "-----BEGIN ",
            "-----BEGIN PRIVATE KEY", "LS0tLS1CRUdJT", "secret: |", "a\u{0}=\u{1b}", "\\\"token\\\":\\\"x",
        ] {
            _ = redaction.redacted(text)
        }
        let begin = ContinuousClock.now
        for piece in ["a=", "token:", "://", "-----BEGIN ", "\"", "{", " "] {
            _ = redaction.redacted(String(repeating: piece, count: 100_000 / piece.count))
        }
        #expect(ContinuousClock.now - begin < .seconds(60))
    }
}
