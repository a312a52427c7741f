import LinuxIO
import Testing

@testable import MachineIsolation

@Suite("A machine's own mounts")
struct OwnMountsTests {
    @Test("finds the mounted namespaces, the last one first, with any characters in their paths")
    func namespaces() {
        let table = """
            22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
            31 22 0:4 net:[4026532288] /run/netns/one rw shared:3 master:7 - nsfs nsfs rw
            32 22 0:4 mnt:[4026532290] /run/a\\040b\\134c rw - nsfs nsfs rw
            33 22 0:5 / /nsfs rw - tmpfs nsfs rw
            34 22 0:4 torn - nsfs

            """
        #expect(OwnMounts.namespaceMounts(in: table) == ["/run/a b\\c", "/run/netns/one"])
    }

    @Test("are refused to any process except the first of a machine")
    func refused() throws {
        let before = try mounts()
        let error = #expect(throws: SystemCallError.self) {
            try OwnMounts.begin(runDirectory: "/nowhere", hostName: "test-host")
        }
        #expect(error?.errno == 1)
        #expect(try mounts() == before)
    }

    @Test("are tested without leaving a mount", .enabled(if: canMakeNamespaces, "needs to be root"))
    func check() throws {
        func namespaces() -> [Bool] {
            ["mnt", "uts", "pid_for_children"].map { Files.isSame("/proc/self/ns/\($0)", "/proc/thread-self/ns/\($0)") }
        }
        let before = try mounts()
        try OwnMounts.check()
        #expect(namespaces() == [true, true, true])
        #expect(try mounts() == before)
    }

    /// What is mounted where a machine has its own; elsewhere others may be at work.
    private func mounts() throws -> [String] {
        let table = String(decoding: try DurableFile.read("/proc/thread-self/mounts", limit: 1 << 20), as: UTF8.self)
        return table.split(separator: "\n").map(String.init).filter { line in
            ["/", "/proc", "/run"].contains { line.contains(" \($0) ") }
        }
    }
}

/// Whether this process may make namespaces: root in most places, but not in every container.
private let canMakeNamespaces = (try? NetworkNamespace.make()) != nil
