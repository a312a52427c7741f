import TestSupport
import Testing

@testable import LinuxIO

@Suite("Process table")
struct ProcessTableTests {
    @Test("gives the descendants of a process, and which processes have ended")
    func descendants() async throws {
        try await onLoop { loop in
            let child = try shell("sleep 1000 & echo $!; exec sleep 1000", on: loop)
            let text = String(decoding: try await #require(child.output).read(upTo: 100), as: UTF8.self)
            let grandchild = try #require(Int32(text.dropLast()))
            let record = try #require(ProcessRecord(pid: grandchild))
            #expect(record.parent == child.pid && record.session == child.pid && !record.isZombie)
            #expect(ProcessTable.children(of: ProcessTree.current).contains { $0.pid == child.pid })
            #expect(ProcessTable.descendants(of: child.pid).map(\.pid) == [grandchild])
            #expect(ProcessTable.all().contains { $0.pid == grandchild })
            ProcessTree.killDescendants(of: child.pid)
            child.signal(Signals.kill)
            _ = try await child.wait()
            #expect(ProcessRecord(pid: child.pid) == nil)
            #expect(ProcessTable.descendants(of: child.pid).isEmpty)
        }
    }

    @Test("parses a process name that looks like the rest of the line")
    func names() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            let program = directory.path + "/a) Z 1 (b"
            try Files.link("/bin/sleep", at: program)
            let child = try ChildProcess.start(.init(executable: program, arguments: ["1000"]), on: loop)
            let record = try #require(ProcessRecord(pid: child.pid))
            #expect(record.parent == ProcessTree.current && !record.isZombie)
            child.signal(Signals.kill)
            _ = try await child.wait()
        }
    }

    private func shell(_ script: String, on loop: EpollLoop) throws -> ChildProcess {
        var options = ChildProcess.Options(executable: "/bin/sh", arguments: ["-c", script])
        (options.output, options.newSession) = (.pipe, true)
        return try ChildProcess.start(options, on: loop)
    }
}

@Suite("The service manager's side of a program")
struct ServiceManagerSideTests {
    @Test("receives the notifications of a service, on a socket file and on an abstract name")
    func notifications() async throws {
        try await onLoop { loop in
            let directory = try TemporaryDirectory()
            for path in [directory.path + "/notify", "@linuxio-test-\(ProcessTree.current)"] {
                let heard = try ServiceManager.listen(at: path, on: loop)
                ServiceManager.notify("READY=1\nSTATUS=up", environment: ["NOTIFY_SOCKET": path])
                ServiceManager.notify("STOPPING=1", environment: ["NOTIFY_SOCKET": path])
                #expect(try await heard.read(upTo: 100) == Array("READY=1\nSTATUS=up".utf8))
                #expect(try await heard.read(upTo: 100) == Array("STOPPING=1".utf8))
                #expect(throws: SystemCallError.self) { try ServiceManager.listen(at: path, on: loop) }
            }
            ServiceManager.notify("READY=1", environment: ["NOTIFY_SOCKET": "/nowhere/notify"])
        }
    }
}
