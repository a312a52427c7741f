import Glibc
import LinuxIO
import TestSupport
import Testing

@Suite("Directories that are kept open")
struct DirectoryTests {
    private let temporary: TemporaryDirectory
    private var root: String { temporary.path }

    init() throws { temporary = try TemporaryDirectory() }

    private func reason(_ body: () throws -> Void) -> String? {
        do {
            try body()
            return nil
        } catch FileError.untrusted(let path, let reason) {
            return "\(path) \(reason)"
        } catch {
            return "another error: \(error)"
        }
    }

    @Test("are created with the given mode and with all missing parents, and are found again")
    func made() throws {
        _ = try Directory.own("\(root)/a/b", makingWith: 0o700)
        #expect(Files.permissions("\(root)/a") == 0o700)
        #expect(Files.permissions("\(root)/a/b") == 0o700)
        #expect(try Directory.own("\(root)/a/./b/../b//").names() == [])
    }

    @Test("are created only on request")
    func missing() throws {
        let error = #expect(throws: FileError.self) { _ = try Directory.own("\(root)/a") }
        #expect(error?.isMissing == true)
        #expect(!Files.exists("\(root)/a"))
    }

    @Test(
        "are refused when other users can write them, and the error says what to do",
        arguments: [0o722, 0o702, 0o720, 0o1777])
    func writable(mode: Int) throws {
        _ = try Directory.own("\(root)/a/b", makingWith: 0o700)
        try Files.setPermissions(UInt32(mode), of: "\(root)/a/b")
        let reason = reason { _ = try Directory.own("\(root)/a/b") }
        #expect(reason?.hasPrefix("\(root)/a/b can be written by other users") == true, "\(reason ?? "none")")
        #expect(reason?.contains("chmod go-w") == true)
    }

    @Test("are refused when other users can write a parent, unless the parent has the sticky bit")
    func writableParent() throws {
        _ = try Directory.own("\(root)/a/b/c", makingWith: 0o700)
        try Files.setPermissions(0o777, of: "\(root)/a")
        #expect(reason { _ = try Directory.own("\(root)/a/b/c") }?.hasPrefix("\(root)/a can be written") == true)
        #expect(reason { _ = try Directory.trusted("\(root)/a/b/c") }?.hasPrefix("\(root)/a can be written") == true)
        try Files.setPermissions(0o1777, of: "\(root)/a")
        #expect(reason { _ = try Directory.own("\(root)/a/b/c") } == nil)
        #expect(reason { _ = try Directory.trusted("\(root)/a") } == nil)
    }

    @Test("are refused when they, or a parent, belong to another user", .enabled(if: geteuid() == 0, "needs root"))
    func foreign() throws {
        _ = try Directory.own("\(root)/a/b/c", makingWith: 0o700)
        #expect(unsafe chown("\(root)/a/b", 12345, 12345) == 0)
        for path in ["\(root)/a/b", "\(root)/a/b/c"] {
            let reason = reason { _ = try Directory.own(path) }
            #expect(reason?.hasPrefix("\(root)/a/b belongs to user 12345") == true, "\(reason ?? "none")")
            #expect(reason?.contains("choose") == true)
        }
    }

    @Test("are found through links of this user, and not through links of another user")
    func links() throws {
        let target = try Directory.own("\(root)/a/b", makingWith: 0o700)
        try target.write([1], to: "file", syncs: false)
        try Files.link("a", at: "\(root)/relative")
        try Files.link("\(root)/relative", at: "\(root)/absolute")
        try Files.link("loop", at: "\(root)/loop")
        #expect(try Directory.own("\(root)/absolute/b").names() == ["file"])
        #expect(throws: FileError.self) { _ = try Directory.own("\(root)/loop/b") }
        guard geteuid() == 0 else { return }
        #expect(unsafe lchown("\(root)/relative", 12345, 12345) == 0)
        let reason = reason { _ = try Directory.own("\(root)/absolute/b") }
        #expect(reason?.hasPrefix("\(root)/relative is a symbolic link of user 12345") == true, "\(reason ?? "none")")
    }

    @Test("stay the same, whatever their path points to later")
    func held() throws {
        let directory = try Directory.own("\(root)/a", makingWith: 0o700)
        try Files.move("\(root)/a", to: "\(root)/b")
        try Files.makeDirectory("\(root)/victim")
        try Files.link("victim", at: "\(root)/a")
        try directory.write([1], to: "file", syncs: true)
        #expect(try Files.list("\(root)/b") == ["file"])
        #expect(try Files.list("\(root)/victim") == [])
        #expect(!directory.isRemoved)
        try Files.removeTree("\(root)/b")
        #expect(directory.isRemoved)
        #expect(throws: SystemCallError.self) { try directory.makeDirectory("x") }
    }

    @Test("do not follow links in them: not for a directory, a file, or a temporary file")
    func linksInside() throws {
        try Files.makeDirectory("\(root)/victim")
        try DurableFile.write([7], to: "\(root)/victim/file")
        let directory = try Directory.own("\(root)/a", makingWith: 0o700)
        try Files.link("../victim", at: "\(root)/a/directory")
        try Files.link("../victim/file", at: "\(root)/a/file")
        try Files.link("../victim/file", at: "\(root)/a/other.new")
        #expect(reason { _ = try directory.own("directory") }?.contains("is a symbolic link") == true)
        #expect(reason { _ = try directory.read("file", limit: 10) }?.contains("is a symbolic link") == true)
        #expect(try directory.kind(of: "file") == .link)
        for name in ["file", "other"] {
            try directory.write([1], to: name, syncs: false)
            #expect(try directory.read(name, limit: 10) == [1])
        }
        try directory.syncAll()
        #expect(try DurableFile.read("\(root)/victim/file", limit: 10) == [7])
        #expect(try directory.names() == ["directory", "file", "other"])
    }

    @Test("do not block when a pipe is in the place of a file")
    func pipe() throws {
        let directory = try Directory.own("\(root)/a", makingWith: 0o700)
        #expect(unsafe mkfifo("\(root)/a/file", 0o600) == 0)
        #expect(reason { _ = try directory.read("file", limit: 10) }?.contains("not a regular file") == true)
        try directory.syncAll()
    }

    @Test("remove a whole tree, and nothing that a link points to; the name that must be last is removed last")
    func removeTree() throws {
        try Files.makeDirectories("\(root)/victim/d")
        try DurableFile.write([7], to: "\(root)/victim/file")
        let directory = try Directory.own("\(root)/pods", makingWith: 0o700)
        try Files.makeDirectories("\(root)/pods/a/b/c")
        for path in ["a/link", "a/b/link", "a/b/c/link"] {
            try Files.link("\(root)/victim", at: "\(root)/pods/\(path)")
        }
        try DurableFile.write([1], to: "\(root)/pods/a/record.json")
        try directory.removeTree("a", last: "record.json")
        try directory.removeTree("a", last: "record.json")
        try Files.link("\(root)/victim", at: "\(root)/pods/a")
        try directory.removeTree("a", last: "record.json")
        #expect(try directory.names() == [])
        #expect(try Files.list("\(root)/victim") == ["d", "file"])
    }

    @Test("remove nothing outside of the tree when a directory becomes a link during the removal")
    func race() throws {
        try Files.makeDirectories("\(root)/victim/d")
        let directory = try Directory.own("\(root)/pods", makingWith: 0o700)
        let root = root
        let (swaps, limit) = (Lock(0), 500)
        try Thread.detach {
            // One moment it is a directory with something in it, the next a link.
            for _ in 0..<limit {
                try? Files.makeDirectory("\(root)/pods/a")
                try? Files.makeDirectory("\(root)/pods/a/d")
                try? Files.move("\(root)/pods/a", to: "\(root)/pods/aside")
                try? Files.link("\(root)/victim", at: "\(root)/pods/a")
                try? Files.removeTree("\(root)/pods/aside")
                swaps.withLock { $0 += 1 }
            }
        }
        while swaps.withLock({ $0 }) < limit { try? directory.removeTree("a") }
        #expect(try Files.list("\(root)/victim") == ["d"])
    }
}
