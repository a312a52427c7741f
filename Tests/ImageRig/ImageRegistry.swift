internal import Encoding
package import LinuxIO
internal import TestSupport

/// Debian's docker-registry on a loopback address, without TLS, and images that umoci makes of Debian's busybox.
package struct ImageRegistry: Sendable {
    /// Why a test that needs it cannot run here.
    package static let need = "needs Debian's skopeo, umoci, docker-registry and busybox-static (scripts/setup test)"
    /// Whether this machine has all that it needs.
    package static let isInstalled = ["/usr/bin/skopeo", "/usr/bin/umoci", "/usr/bin/docker-registry", "/bin/busybox"]
        .allSatisfy(Files.isExecutable)
    /// The only user, and the password.
    package static let user = "kate", password = "open sesame"
    /// The bcrypt hash of the password.
    private static let hash = "$2b$05$abcdefghijklmnopqrstuupx2xBUC4954936wVIjyyPHmUBFu0wCW"

    /// Its host and port.
    package let address: String
    /// The directory of its files.
    package let directory: String
    private let loop: EpollLoop
    private let hasUsers: Bool

    /// Runs `body` with a registry; with `hasUsers` it serves only the user above.
    package static func run(
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
        guard let output = server.error else { return }
        let address = try await address(in: output)
        let registry = ImageRegistry(
            address: address, directory: directory, loop: loop, hasUsers: hasUsers)
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
            guard !more.isEmpty else { throw Failure(description: "docker-registry has ended: \(text)") }
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
    package func push(_ name: String, _ layers: [TarFile] = []) async throws -> String {
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
    package func authorization(_ user: String, _ password: String) -> String {
        #"{"auths":{"\#(address)":{"auth":"\#(Base64.encode(Array("\(user):\(password)".utf8)))"}}}"#
    }

    private func run(_ words: String...) async throws { try await run(words) }

    private func run(_ words: [String]) async throws {
        var options = ChildProcess.Options(executable: words[0], arguments: Array(words.dropFirst()))
        (options.output, options.error) = (.null, .pipe)
        let child = try ChildProcess.start(options, on: loop)
        // Not to survive a test that is cancelled.
        defer { child.signal(Signals.kill) }
        var text: [UInt8] = []
        while let more = try await child.error?.read(upTo: 4096), !more.isEmpty { text += more }
        guard try await child.wait() == .exited(0) else {
            throw Failure(description: "\(words.joined(separator: " ")): \(String(decoding: text, as: UTF8.self))")
        }
    }

    /// A program that did not do its part.
    private struct Failure: Error, CustomStringConvertible { let description: String }
}
