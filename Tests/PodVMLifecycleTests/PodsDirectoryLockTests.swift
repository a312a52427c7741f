import LinuxIO
import PodVMLifecycle
import TestSupport
import Testing

@testable import PodVMLifecycle

@Suite("Lock on the pods directory")
struct PodsDirectoryLockTests {
    private func withDirectory(_ body: (String) async throws -> Void) async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try await body("\(path)/pods")
    }

    @Test("belongs to one process at a time; the error names the directory and says what to do")
    func exclusive() async throws {
        try await withDirectory { path in
            var first: PodsDirectoryLock? = try PodsDirectoryLock.take(path)
            #expect(first != nil)
            #expect(Files.permissions(path) == 0o700)
            let error = #expect(throws: LifecycleError.self) { _ = try PodsDirectoryLock.take(path) }
            #expect(error?.message.contains("\(path) is in use by another cloud-api-adaptor") == true)
            #expect(error?.message.contains("-pods-dir") == true)
            first = nil
            _ = try PodsDirectoryLock.take(path)
        }
    }

    @Test("names the process that holds it, and passes to one of those that wait")
    func waiting() async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try await onLoop { loop in
            var lock: PodsDirectoryLock? = try PodsDirectoryLock.take(path)
            #expect(PodsDirectoryLock.holder(of: path) == Int(ProcessTree.current))
            #expect(try PodsDirectoryLock.takeIfFree(path) == nil)
            #expect(lock?.hasSuccessor == false)
            try await withThrowingTaskGroup(of: PodsDirectoryLock.self) { group in
                for _ in 0..<3 { group.addTask { try await PodsDirectoryLock.wait(for: path, on: loop) } }
                while lock?.hasSuccessor == false { await loop.yield() }
                lock = nil
                let next = try #require(try await group.next())
                #expect(try PodsDirectoryLock.takeIfFree(path) == nil)
                while !next.hasSuccessor { try await loop.sleep(for: .milliseconds(1)) }
                group.cancelAll()
                while let ended = await group.nextResult() {
                    #expect(throws: CancellationError.self) { _ = try ended.get() }
                }
                // A program that another test starts may have inherited the lock, until it is executed.
                while next.hasSuccessor { try await loop.sleep(for: .milliseconds(1)) }
            }
        }
    }

    @Test("a wait runs something beside it, and ends without the lock when the process has to stop")
    func standby() async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try await onLoop { loop in
            var other: PodsDirectoryLock? = try PodsDirectoryLock.take(path)
            let stop = Event()
            let isRunning = Event()
            let wait = { @Sendable in
                try await PodsDirectoryLock.wait(
                    for: path, on: loop,
                    until: {
                        await stop.wait()
                        try Task.checkCancellation()
                    }
                ) {
                    isRunning.set()
                    try await loop.sleep(for: .seconds(3600))
                }
            }
            async let first = wait()
            await isRunning.wait()
            other = nil
            let lock = try #require(try await first)

            async let second = wait()
            while !lock.hasSuccessor { try await loop.sleep(for: .milliseconds(1)) }
            stop.set()
            #expect(try await second == nil)
            withExtendedLifetime(lock) {}
            #expect(other == nil)
        }
    }

    @Test("a wait fails when what runs beside it fails")
    func failedStandby() async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try await onLoop { loop in
            let other = try PodsDirectoryLock.take(path)
            await #expect(throws: DeadlineExceeded.self) {
                try await PodsDirectoryLock.wait(
                    for: path, on: loop, until: { try await loop.sleep(for: .seconds(3600)) },
                    running: { throw DeadlineExceeded() })
            }
            withExtendedLifetime(other) {}
        }
    }

    @Test(
        "a file that does not name a process is no holder", arguments: ["", "x\n", String(repeating: "1", count: 70)])
    func noHolder(content: String) throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try DurableFile.write(Array(content.utf8), to: "\(path)/.lock")
        #expect(PodsDirectoryLock.holder(of: path) == nil)
    }

    @Test("is never treated as a sandbox")
    func hidden() async throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        let lock = try PodsDirectoryLock.take(path)
        let loaded = try await PodsDirectory(path: path).load()
        #expect(loaded.records.isEmpty && loaded.unreadable.isEmpty)
        withExtendedLifetime(lock) {}
    }

    @Test("does not follow a link out of the directory")
    func link() async throws {
        try await withDirectory { path in
            try Files.makeDirectories(path)
            try Files.link("\(path)-elsewhere", at: "\(path)/.lock")
            let error = #expect(throws: LifecycleError.self) { _ = try PodsDirectoryLock.take(path) }
            #expect(error?.message.contains("Check -pods-dir") == true)
            #expect(!Files.exists("\(path)-elsewhere"))
        }
    }
}
