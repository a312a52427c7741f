import Encoding
import LinuxIO
import TestSupport
import Testing

@testable import FakePodVM

/// Debian's docker-registry on a loopback address, without TLS, and images that umoci makes of Debian's busybox.
struct ImageRegistry: Sendable {
    static let need: Comment =
        "needs Debian's skopeo, umoci, docker-registry and busybox-static (scripts/setup test)"
    static let isInstalled =
        ImageTools.find() != nil && Files.isExecutable("/usr/bin/docker-registry") && Files.isExecutable("/bin/busybox")
    static let user = "kate", password = "open sesame"
    /// The bcrypt hash of the password.
    private static let hash = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"

    let address: String
    let directory: String
    private let programs: HelperProcesses
    private let hasUsers: Bool

    /// Runs `body` with a registry; with `hasUsers` it serves only the user above.
    static func run(
        hasUsers: Bool = false, in directory: String, on loop: EpollLoop,
        _ body: @escaping @Sendable (ImageRegistry) async throws -> Void
    ) async throws {
        try Files.makeDirectories(directory)
        var configuration = """
            version: 0.1
            log: {level: info}
            storage: {filesystem: {rootdirectory: \(directory)/storage}}
            http: {addr: "127.0.0.1:0", secret: "test"}

            """
        if hasUsers {
            try DurableFile.write(Array("\(user):\(hash)\n".utf8), to: directory + "/htpasswd")
            configuration += "auth: {htpasswd: {realm: test, path: \(directory)/htpasswd}}\n"
        }
        try DurableFile.write(Array(configuration.utf8), to: directory + "/config.yml")
        var options = ChildProcess.Options(
            executable: "/usr/bin/docker-registry", arguments: ["serve", directory + "/config.yml"])
        (options.output, options.error) = (.null, .pipe)
        let server = try ChildProcess.start(options, on: loop)
        defer { server.signal(Signals.kill) }
        let output = try #require(server.error)
        let address = try await address(in: output)
        let registry = ImageRegistry(
            address: address, directory: directory, programs: HelperProcesses(on: loop), hasUsers: hasUsers)
        // Its log must not fill the pipe.
        try await alongside({ while (try? await output.read(upTo: 4096))?.isEmpty == false {} }) {
            try await body(registry)
        }
    }

    private static func address(in log: Stream) async throws -> String {
        var text = ""
        while true {
            let more = try await log.read(upTo: 4096)
            text += String(decoding: more, as: UTF8.self)
            let start = text.firstRange(of: "listening on ")?.upperBound
            if let start, text[start...].contains(where: { $0 == "\"" || $0 == "\n" }) {
                return String(text[start...].prefix { $0.isNumber || $0 == "." || $0 == ":" })
            }
            try #require(!more.isEmpty, "docker-registry has ended: \(text)")
        }
    }

    /// The layer that every image has: busybox, and a file.
    private func baseLayer() -> TarFile {
        var layer = TarFile()
        layer.directory("bin")
        layer.file("bin/busybox", (try? DurableFile.read("/bin/busybox", limit: 8 << 20)) ?? [], mode: 0o755)
        for name in ["sh", "cat", "echo", "env", "id", "ls", "mount", "ps", "pwd", "readlink", "sleep", "stty", "test"]
        {
            layer.link("bin/\(name)", to: "busybox")
        }
        layer.directory("etc")
        layer.file("etc/motd", Array("in the image\n".utf8))
        layer.directory("work")
        return layer
    }

    /// Makes an image of busybox and further layers, and pushes it; returns its digest.
    @discardableResult
    func push(_ name: String, _ layers: [TarFile] = []) async throws -> String {
        let layout = "\(directory)/layout-\(name.split(separator: ":").joined(separator: "-"))"
        try await run("umoci", "init", "--layout", layout)
        try await run("umoci", "new", "--image", layout + ":image")
        for (number, layer) in ([baseLayer()] + layers).enumerated() {
            let file = "\(layout)-\(number).tar"
            try Files.write(layer.bytes, to: file, at: 0)
            try await run("umoci", "raw", "add-layer", "--image", layout + ":image", file)
        }
        try await run(
            "umoci", "config", "--image", layout + ":image", "--config.env", "COLOR=blue", "--config.env",
            "PATH=/bin", "--config.workingdir", "/work", "--config.entrypoint", "/bin/sh", "--config.cmd", "-c",
            "--config.cmd", "echo $COLOR; pwd")
        let users = hasUsers ? ["--dest-creds", "\(Self.user):\(Self.password)"] : []
        try await run(
            [
                "skopeo", "--insecure-policy", "copy", "--quiet", "--dest-tls-verify=false", "--digestfile",
                layout + ".digest",
            ]
                + users + ["oci:\(layout):image", "docker://\(address)/\(name)"])
        let digest = String(decoding: try DurableFile.read(layout + ".digest", limit: 1024), as: UTF8.self)
        return String(digest.prefix { !$0.isWhitespace })
    }

    /// auth.json with these credentials for the registry.
    func authorization(_ user: String, _ password: String) -> String {
        #"{"auths":{"\#(address)":{"auth":"\#(Base64.encode(Array("\(user):\(password)".utf8)))"}}}"#
    }

    private func run(_ words: String...) async throws { try await run(words) }

    private func run(_ words: [String]) async throws {
        let (end, text) = try await programs.run(
            ChildProcess.Options(executable: words[0], arguments: Array(words.dropFirst())))
        try #require(end == .exited(0), "\(words.joined(separator: " ")): \(text)")
    }
}

/// An archive in the format of a layer, with any names: a well-behaved program would not make some of them.
struct TarFile: Sendable {
    private(set) var content: [UInt8] = []

    /// The whole archive.
    var bytes: [UInt8] { content + [UInt8](repeating: 0, count: 1024) }

    mutating func directory(_ name: String) { add(name + "/", kind: "5", mode: 0o755) }
    mutating func link(_ name: String, to target: String) { add(name, kind: "2", target: target) }
    mutating func hardLink(_ name: String, to target: String) { add(name, kind: "1", target: target) }

    mutating func file(_ name: String, _ bytes: [UInt8], mode: Int = 0o644) {
        add(name, kind: "0", mode: mode, size: bytes.count)
        content += bytes
        let rest = bytes.count % 512
        if rest > 0 { content += [UInt8](repeating: 0, count: 512 - rest) }
    }

    private mutating func add(_ name: String, kind: Character, target: String = "", mode: Int = 0o777, size: Int = 0) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, at offset: Int) {
            header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
        }
        func octal(_ number: Int, _ width: Int) -> String {
            let digits = String(number, radix: 8)
            return String(repeating: "0", count: width - digits.count) + digits
        }
        put(name, at: 0)
        put(octal(mode, 7), at: 100)
        put(octal(0, 7), at: 108)
        put(octal(0, 7), at: 116)
        put(octal(size, 11), at: 124)
        put(octal(1_700_000_000, 11), at: 136)
        put("        ", at: 148)
        put(String(kind), at: 156)
        put(target, at: 157)
        put("ustar", at: 257)
        put("00", at: 263)
        put(octal(header.reduce(0) { $0 + Int($1) }, 6), at: 148)
        header[154] = 0
        content += header
    }
}
