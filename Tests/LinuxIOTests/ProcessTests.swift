import TestSupport
import Testing

@testable import LinuxIO

@Suite("Child processes")
struct ProcessTests {
    @Test("gives the exit status to every waiter, each time")
    func status() async throws {
        try await onLoop { loop in
            let child = try ChildProcess.start(shell("exit 3"), on: loop)
            async let first = child.wait()
            async let second = child.wait()
            #expect(try await first == .exited(3))
            #expect(try await second == .exited(3))
            #expect(try await child.wait().shellStatus == 3)
        }
    }

    @Test("can be waited for again after a cancelled wait")
    func again() async throws {
        try await onLoop { loop in
            let child = try ChildProcess.start(shell("exec sleep 60"), on: loop)
            for _ in 0..<3 {
                let wait = Task(executorPreference: loop) { try await child.wait() }
                await loop.yield()
                wait.cancel()
                _ = await wait.result
            }
            child.signal(Signals.kill)
            #expect(try await child.wait() == .signalled(Signals.kill))
        }
    }

    @Test("pipes carry the input and the output")
    func pipes() async throws {
        try await onLoop { loop in
            var options = shell("cat; echo done >&2")
            (options.input, options.output, options.error) = (.pipe, .pipe, .pipe)
            let child = try ChildProcess.start(options, on: loop)
            try await child.input?.write(Array("hello".utf8))
            try await child.input?.finishWriting()
            #expect(try await child.output?.read(upTo: 100) == Array("hello".utf8))
            #expect(try await child.error?.read(upTo: 100) == Array("done\n".utf8))
            #expect(try await child.output?.read(upTo: 100) == [])
            #expect(try await child.wait() == .exited(0))
        }
    }

    @Test("environment and directory are the given ones")
    func surroundings() async throws {
        try await onLoop { loop in
            var options = shell("echo $PWD $COLOUR $HOME")
            options.environment = ["COLOUR": "green", "PATH": "/usr/bin:/bin"]
            options.workingDirectory = "/usr"
            options.output = .pipe
            let child = try ChildProcess.start(options, on: loop)
            #expect(try await child.output?.read(upTo: 100) == Array("/usr green\n".utf8))
            _ = try await child.wait()
        }
    }

    @Test("a signal ends the process, and the status has the signal")
    func signals() async throws {
        try await onLoop { loop in
            let child = try ChildProcess.start(shell("exec sleep 1000"), on: loop)
            child.signal(Signals.kill)
            #expect(try await child.wait() == .signalled(9))
            #expect(try await child.wait().shellStatus == 137)
            child.signal(Signals.kill)
        }
    }

    @Test("a missing program or directory gives an error that names it")
    func missing() async throws {
        try await onLoop { loop in
            #expect(throws: SystemCallError.self) {
                try ChildProcess.start(.init(executable: "/nowhere/program"), on: loop)
            }
            var options = shell("true")
            options.workingDirectory = "/nowhere"
            #expect(throws: SystemCallError.self) { try ChildProcess.start(options, on: loop) }
        }
    }

    @Test("the whole process tree is killed, also processes that have left their session and parents")
    func tree() async throws {
        try await onLoop { loop in
            var options = shell("sleep 1000 & setsid sh -c 'sleep 1000 & echo ready; wait' & wait")
            options.output = .pipe
            let child = try ChildProcess.start(options, on: loop)
            #expect(try await child.output?.read(upTo: 6) == Array("ready\n".utf8))
            let descendants = ProcessTree.descendants(of: child.pid)
            #expect(descendants.count >= 3)
            ProcessTree.killDescendants(of: child.pid)
            child.signal(Signals.kill)
            _ = try await child.wait()
            // The pipe ends when the last of them has gone: nothing to guess, nothing to sleep for.
            #expect(
                try await withDeadline(.now + .seconds(120), on: loop) { try await child.output?.read(upTo: 1) } == [])
        }
    }

    private func shell(_ script: String) -> ChildProcess.Options {
        var options = ChildProcess.Options(executable: "/bin/sh", arguments: ["-c", script])
        options.error = .null
        return options
    }
}

@Suite("Task pool")
struct TaskPoolTests {
    @Test("cancels one child and does not affect the others")
    func cancelOne() async throws {
        try await onLoop { loop in
            let pool = TaskPool()
            let (near, far) = try Stream.pair(on: loop)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                let doomed = pool.start { _ = try? await loop.sleep(for: .seconds(3600)) }
                let reader = pool.start { _ = try? await near.read(upTo: 1) }
                doomed.cancel()
                await doomed.finished()
                try? await far.write([1])
                await reader.finished()
                group.cancelAll()
            }
        }
    }

    @Test("a child that is cancelled before it begins runs as a cancelled task")
    func cancelEarly() async throws {
        try await onLoop { loop in
            let pool = TaskPool()
            let wasCancelled = Lock<Bool?>(nil)
            let early = pool.start { wasCancelled.withLock { $0 = Task.isCancelled } }
            early.cancel()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                await early.finished()
                // It has ended, so that nothing is left to cancel.
                early.cancel()
                group.cancelAll()
            }
            #expect(wasCancelled.withLock { $0 } == true)
        }
    }

    @Test("ends with its children, and a task that is added later counts as finished")
    func ends() async throws {
        try await onLoop { loop in
            let pool = TaskPool()
            let ended = Event()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await pool.run() }
                pool.start {
                    _ = try? await loop.sleep(for: .seconds(3600))
                    ended.set()
                }
                await loop.yield()
                group.cancelAll()
            }
            #expect(ended.isSet)
            let late = pool.start { Issue.record("ran after the end") }
            await late.finished()
        }
    }
}

@Suite("Durable files")
struct DurableFileTests {
    @Test("replaces the content atomically, with the given mode")
    func replaces() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/record"
        try DurableFile.write([1, 2, 3], to: path)
        try DurableFile.write([4], to: path, mode: 0o640)
        #expect(try DurableFile.read(path, limit: 10) == [4])
        #expect(Files.permissions(path) == 0o640)
        #expect(try Files.list(directory.path) == ["record"])
    }

    @Test("keeps only the old content when it cannot write")
    func fullDisk() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/record"
        try DurableFile.write([1], to: path)
        // A directory in the temporary file's place stands for every reason not to be able to write.
        try Files.makeDirectory("\(path).new")
        #expect(throws: SystemCallError.self) { try DurableFile.write([2], to: path) }
        #expect(try DurableFile.read(path, limit: 10) == [1])
    }

    @Test("refuses a file that is longer than its reader accepts")
    func limit() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/big"
        try DurableFile.write([UInt8](repeating: 0, count: 100), to: path)
        #expect(throws: FileError.tooLarge(path: path, limit: 99)) { try DurableFile.read(path, limit: 99) }
        #expect(try DurableFile.read(path, limit: 100).count == 100)
    }

    @Test("removes trees without following links")
    func removeTree() throws {
        let directory = try TemporaryDirectory()
        try Files.makeDirectories("\(directory.path)/a/b/c")
        try DurableFile.write([1], to: "\(directory.path)/a/b/file")
        try DurableFile.write([1], to: "\(directory.path)/outside")
        try Files.link("\(directory.path)/outside", at: "\(directory.path)/a/link")
        try Files.link("\(directory.path)", at: "\(directory.path)/a/up")
        try Files.removeTree("\(directory.path)/a")
        #expect(try Files.list(directory.path) == ["outside"])
    }

    @Test("a lock has one owner, and is free again when the owner has ended")
    func locks() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/lock"
        var first = try FileLock.take(path)
        let (isOurs, isFree) = (first != nil, try canTake(path))
        #expect(isOurs && !isFree)
        first = nil
        let isFreeAgain = try canTake(path)
        #expect(isFreeAgain)
    }

    private func canTake(_ path: String) throws -> Bool {
        let lock = try FileLock.take(path)
        return lock != nil
    }
}
