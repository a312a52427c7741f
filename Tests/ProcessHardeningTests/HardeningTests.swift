import Glibc
import LinuxIO
import ProcessHardening
import Testing

/// What a child says that has dropped its privileges: see Tests/HardenedChild.
private struct Report {
    static let program = Files.parent(of: SystemInfo.executablePath) + "/hardened-child"
    let text: String

    /// Runs it as the user `user` if that is another one.
    init(_ daemon: String, _ mode: SystemCallFilter.Mode = .enforce, user: Int? = nil) throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/hardening-test-")
        defer { try? Files.removeTree(directory) }
        text = try EpollLoop.run { loop in
            var options = ChildProcess.Options(
                executable: Self.program, arguments: [daemon, mode.rawValue, directory + "/file"])
            if let user {
                options.arguments =
                    ["--reuid=\(user)", "--regid=\(user)", "--clear-groups", options.executable] + options.arguments
                options.executable = "/usr/bin/setpriv"
            }
            options.output = .pipe
            let child = try ChildProcess.start(options, on: loop)
            var bytes: [UInt8] = []
            while let more = try await child.output?.read(upTo: 65_536), !more.isEmpty { bytes += more }
            #expect(try await child.wait() == .exited(0))
            return String(decoding: bytes, as: UTF8.self)
        }
    }

    /// The error that a call ended with; 0 if it was made.
    func error(of call: String) throws -> CInt { try #require(CInt(value(of: call))) }

    /// What follows a name and a colon or space.
    func value(of name: String) -> String {
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + ":") || $0.hasPrefix(name + " ") }
        return line.map { String($0.dropFirst(name.count + 1).drop { $0 == " " || $0 == "\t" }) } ?? ""
    }
}

@Suite("Hardening", .enabled(if: Files.isExecutable(Report.program), "hardened-child is not built"))
struct HardeningTests {
    private static let daemons = ["forwarder", "provision", "adaptor"]
    /// What none of the daemons may do.
    private static let unlisted = [
        "unshare", "unshare on an earlier thread", "socket for packets", "setuid", "kill", "chroot", "mprotect to run",
        "mmap to write and run", "posix_spawn", "execve",
    ]

    @Test("refuses system calls that the daemon does not need, on every thread", arguments: daemons)
    func refused(daemon: String) throws {
        let report = try Report(daemon)
        for call in Self.unlisted { #expect(try report.error(of: call) == ENOSYS, "\(call)") }
        #expect(try report.error(of: "open to read") == 0)
        #expect(try report.error(of: "open to write") == (daemon == "forwarder" ? ENOSYS : 0))
        #expect(report.value(of: "Seccomp") == "2")
    }

    @Test("refuses no system call when it only logs, or is off", arguments: [SystemCallFilter.Mode.log, .off])
    func notRefused(mode: SystemCallFilter.Mode) throws {
        let report = try Report("forwarder", mode)
        for call in ["socket for packets", "kill", "mmap to write and run", "posix_spawn", "open to write"] {
            #expect(try report.error(of: call) != ENOSYS, "\(call)")
        }
        #expect(report.value(of: "Seccomp") == (mode == .off ? "0" : "2"))
    }

    @Test(
        "limits the capabilities of the process, and those that a program can gain, to the needed ones",
        .enabled(if: geteuid() == 0, "needs root"),
        arguments: zip(daemons, [[Capability.netAdmin, .sysAdmin], [], [.netAdmin, .sysAdmin]]))
    func capabilities(daemon: String, kept: [Capability]) throws {
        let report = try Report(daemon)
        let mask = kept.reduce(UInt64(0)) { $0 | 1 << UInt64($1.rawValue) }
        for set in ["CapEff", "CapPrm", "CapBnd"] {
            #expect(UInt64(report.value(of: set), radix: 16) == mask, "\(set)")
        }
        for set in ["CapInh", "CapAmb"] { #expect(UInt64(report.value(of: set), radix: 16) == 0, "\(set)") }
        #expect(report.value(of: "NoNewPrivs") == "1")
    }

    @Test("allows no core dump, and no access of other users to its memory in /proc")
    func memory() throws {
        let report = try Report("adaptor")
        #expect(report.value(of: "core") == "0")
        #expect(report.value(of: "descriptors") == "true" && report.value(of: "resident") == "true")
    }

    @Test(
        "works without root, and the process still sees its own descriptors and memory",
        .enabled(if: geteuid() == 0, "needs root, to become another user"))
    func withoutRoot() throws {
        let report = try Report("forwarder", user: 65_534)
        #expect(report.value(of: "owner") == "0", "its files in /proc are root's")
        #expect(report.value(of: "descriptors") == "true" && report.value(of: "resident") == "true")
        #expect(try report.error(of: "unshare") == ENOSYS)
        #expect(report.value(of: "NoNewPrivs") == "1")
    }
}
