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

@Suite("The service manager's and the terminal's side of a program")
struct OtherSideTests {
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

    @Test("is the terminal of a process, with its size, its keys and its end")
    func terminal() async throws {
        try await onLoop { loop in
            let terminal = try PseudoTerminal.open(on: loop)
            try terminal.resize(columns: 100, rows: 30)
            var options = ChildProcess.Options(
                executable: "/bin/sh", arguments: ["-c", "test -t 0 && stty size; exec sleep 1000"])
            options.newSession = true
            (options.input, options.output) = (.file(path: terminal.path), .file(path: terminal.path))
            options.error = .file(path: terminal.path)
            let child = try ChildProcess.start(options, on: loop)
            #expect(try await terminal.read(upTo: 100) == Array("30 100\r\n".utf8))
            // Control-C: only a controlling terminal makes a signal of it.
            try await terminal.stream.write([3])
            #expect(try await child.wait() == .signalled(2))
            var rest: [UInt8] = []
            while case let bytes = try await terminal.read(upTo: 100), !bytes.isEmpty { rest += bytes }
            #expect(rest == Array("^C".utf8))
        }
    }
}
