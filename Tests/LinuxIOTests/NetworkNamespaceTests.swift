import TestSupport
import Testing

@testable import LinuxIO

@Suite("Network namespaces", .enabled(if: canMakeNamespaces, "needs to be root"))
struct NetworkNamespaceTests {
    @Test("a namespace that is mounted at a path is found there, and exists until it is unmounted")
    func mounted() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/netns/pod"
        do {
            let made = try NetworkNamespace.make()
            try made.mount(at: path)
            defer { try? NetworkNamespace.unmount(path) }
            try made.mount(at: path)
            #expect(try NetworkNamespace(opening: path).isSame(as: made))
            #expect(throws: SystemCallError(call: "open", errno: 17, subject: path)) {
                try NetworkNamespace.make().mount(at: path)
            }
        }
        #expect(!Files.exists(path))
        try NetworkNamespace.unmount(path)
        #expect(mounts(below: directory.path).isEmpty)
    }

    @Test("replaces the file that an unmounted namespace leaves, and no other file")
    func places() throws {
        let directory = try TemporaryDirectory()
        let (vacant, taken) = ("\(directory.path)/vacant", "\(directory.path)/taken")
        let made = try NetworkNamespace.make()
        try Files.write([], to: vacant, at: 0)
        try made.mount(at: vacant)
        try NetworkNamespace.unmount(vacant)
        #expect(!Files.exists(vacant))
        try Files.write([1], to: taken, at: 0)
        #expect(throws: SystemCallError.self) { try made.mount(at: taken) }
        #expect(throws: SystemCallError.self) { try NetworkNamespace.unmount(taken) }
        #expect(throws: SystemCallError.self) { try NetworkNamespace.unmount(directory.path) }
        #expect(try DurableFile.read(taken, limit: 10) == [1])
    }

    @Test("a child starts in the given namespace, and its parent stays in its own")
    func child() async throws {
        try await onLoop { loop in
            let made = try NetworkNamespace.make()
            let before = try NetworkNamespace.ofThisProcess()
            let child = try ChildProcess.start(sleeper(in: made), on: loop)
            let itsOwn = try NetworkNamespace(opening: "/proc/\(child.pid)/ns/net")
            #expect(itsOwn.isSame(as: made))
            #expect(try NetworkNamespace(opening: "/proc/thread-self/ns/net").isSame(as: before))
            child.signal(Signals.kill)
            #expect(try await child.wait() == .signalled(Signals.kill))
        }
    }

    @Test("a child with its own PID namespace is the first process there, and its end ends all others")
    func machine() async throws {
        try await onLoop { loop in
            var options = ChildProcess.Options(
                executable: "/bin/sh", arguments: ["-c", "echo $$; setsid sleep 1000 & echo; wait"])
            options.isMachine = true
            options.output = .pipe
            let child = try ChildProcess.start(options, on: loop)
            var heard: [UInt8] = []
            while heard.count < 3 { heard += try await child.output?.read(upTo: 10) ?? [] }
            #expect(heard == Array("1\n\n".utf8))
            child.signal(Signals.kill)
            #expect(try await child.wait() == .signalled(Signals.kill))
            // The last of them closes the pipe.
            #expect(
                try await withDeadline(.now + .seconds(120), on: loop) { try await child.output?.read(upTo: 1) } == [])
            for namespace in ["mnt", "pid_for_children", "uts"] {
                #expect(
                    Files.isSame("/proc/thread-self/ns/\(namespace)", "/proc/\(ProcessTree.parent)/ns/\(namespace)"))
            }
        }
    }

    @Test("a missing program is reported also when the child starts in a namespace")
    func missing() async throws {
        try await onLoop { loop in
            var options = ChildProcess.Options(executable: "/nowhere/program")
            options.networkNamespace = try .make()
            let expected = SystemCallError(call: "posix_spawn", errno: 2, subject: "/nowhere/program")
            #expect(throws: expected) { try ChildProcess.start(options, on: loop) }
        }
    }

    @Test("a listener's address and port are those of its namespace")
    func listener() async throws {
        try await onLoop { loop in
            let made = try NetworkNamespace.make()
            let everywhere = SocketAddress.tcp(host: "0.0.0.0", port: 0)
            let ours = try Listener.listen(on: everywhere, loop: loop)
            // Here it is taken.
            #expect(throws: SystemCallError.self) { try Listener.listen(on: ours.address, loop: loop) }
            let theirs = try Listener.listen(on: ours.address, loop: loop, in: made)
            #expect(theirs.address == ours.address)
            let another = try Listener.listen(on: everywhere, loop: loop, in: made)
            #expect(another.address != everywhere && another.address != theirs.address)
        }
    }

    private func sleeper(in namespace: NetworkNamespace) -> ChildProcess.Options {
        var options = ChildProcess.Options(executable: "/bin/sleep", arguments: ["1000"])
        options.networkNamespace = namespace
        return options
    }

    private func mounts(below path: String) -> [Substring] {
        let table = try? DurableFile.read("/proc/thread-self/mountinfo", limit: 1 << 20)
        return String(decoding: table ?? [], as: UTF8.self).split(separator: "\n").filter { $0.contains(path) }
    }
}

/// Whether this process may make namespaces, and mount them.
let canMakeNamespaces = (try? NetworkNamespace.make()) != nil
