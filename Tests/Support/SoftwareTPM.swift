package import LinuxIO

/// Debian's swtpm with a fresh state. It serves one connection on a socket, and ends with the value.
package final class SoftwareTPM {
    /// The socket, which takes commands as `/dev/tpmrm0` does.
    package let path: String
    private let directory: TemporaryDirectory
    private let process: ChildProcess

    private static let program = "/usr/bin/swtpm"

    /// Whether this machine has the program.
    package static var isInstalled: Bool { Files.isExecutable(program) }

    /// Starts it, and returns when its socket exists.
    package init(on loop: EpollLoop) async throws {
        directory = try TemporaryDirectory()
        path = "\(directory.path)/tpm"
        var options = ChildProcess.Options(
            executable: Self.program,
            arguments: [
                "socket", "--tpm2", "--tpmstate", "dir=\(directory.path)", "--server", "type=unixio,path=\(path)",
                "--flags", "startup-clear",
            ])
        options.output = .null
        options.error = .null
        process = try ChildProcess.start(options, on: loop)
        let deadline = ContinuousClock.now + .seconds(20)
        while !Self.isListening(path) {
            guard ContinuousClock.now < deadline else { throw Silent() }
            try await loop.sleep(for: .milliseconds(10))
        }
    }

    private struct Silent: Error {}

    /// Whether a process listens on the socket file. The file exists before that, and a connection would end swtpm.
    private static func isListening(_ path: String) -> Bool {
        guard let sockets = try? DurableFile.read("/proc/net/unix", limit: 16 << 20) else { return false }
        // The fourth field is 00010000 (SO_ACCEPTCON), the last one is the path.
        return String(decoding: sockets, as: UTF8.self).split(separator: "\n").contains {
            let fields = $0.split(separator: " ")
            return fields.count == 8 && fields[3] == "00010000" && fields[7] == path
        }
    }

    deinit { process.signal(9) }
}
