import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@Suite("The lifecycle on an event loop and a real disk")
struct OnDiskTests {
    /// A supervisor as the daemon has it, for as long as `body` takes.
    private func run(
        podsDirectory: String, cloud: ScriptedCloud = ScriptedCloud(), logger: Logger = .silent,
        _ body: @escaping @Sendable (SandboxSupervisor) async throws -> Void
    ) throws {
        try EpollLoop.run { loop in
            let supervisor = SandboxSupervisor(
                podsDirectory: podsDirectory, provider: cloud, connector: ScriptedConnector(), loop: loop,
                logger: logger)
            try await supervisor.load()
            try await withThrowingTaskGroup { group in
                group.addTask { await supervisor.run() }
                try await body(supervisor)
                group.cancelAll()
            }
        }
    }

    private func withTemporaryDirectory(_ body: (String) throws -> Void) throws {
        let path = try Files.makeTemporaryDirectory(prefix: "/tmp/pods-")
        defer { try? Files.removeTree(path) }
        try body(path)
    }

    @Test("creates, starts and stops a sandbox, and leaves an empty directory")
    func wholeLife() throws {
        try withTemporaryDirectory { path in
            try run(podsDirectory: "\(path)/pods") { supervisor in
                let socket = try await supervisor.create(request("a"))
                #expect(socket == "\(path)/pods/a/agent.ttrpc")
                try await supervisor.start(request("a").id)
                #expect(Files.permissions("\(path)/pods/a") == 0o700)
                #expect(Files.permissions("\(path)/pods/a/record.json") == 0o600)
                try await supervisor.stop("a")
                while !supervisor.sandboxes().isEmpty { await Task.yield() }
                #expect(try Files.list("\(path)/pods").isEmpty)
            }
        }
    }

    @Test("is continued by the next process, which does the deletions that the first recorded")
    func nextProcess() throws {
        try withTemporaryDirectory { path in
            let cloud = ScriptedCloud()
            cloud.deletion.append(.wait(Event()))
            try run(podsDirectory: path, cloud: cloud) { supervisor in
                for id in ["a", "b"] {
                    _ = try await supervisor.create(request(id))
                    try await supervisor.start(request(id).id)
                }
                try await supervisor.stop("a")
            }
            #expect(cloud.machines.count == 2)
            try run(podsDirectory: path, cloud: cloud) { supervisor in
                while supervisor.sandboxes().count > 1 { await Task.yield() }
                #expect(supervisor.sandboxes().map(\.id) == ["b"])
                #expect(cloud.machines.count == 1)
            }
            #expect(try Files.list(path) == ["b"])
        }
    }

    /// Keeps all threads that write files busy for as long as `body` takes, as a disk does that does not answer.
    private func holdingDisk(_ body: () async throws -> Void) async throws {
        let busy = Lock(0)
        let isReleased = Lock(false)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<ThreadPool.files.limit {
                group.addTask {
                    await ThreadPool.files.run {
                        busy.withLock { $0 += 1 }
                        while !isReleased.withLock({ $0 }) { Thread.pause(milliseconds: 1) }
                    }
                }
            }
            while busy.withLock({ $0 }) < ThreadPool.files.limit { await Task.yield() }
            defer { isReleased.withLock { $0 = true } }
            try await body()
        }
    }

    @Test("relays bytes while a record waits for the disk, and sends the request to the cloud only after the sync")
    func heldSync() throws {
        try withTemporaryDirectory { path in
            let cloud = ScriptedCloud()
            try EpollLoop.run { loop in
                let supervisor = SandboxSupervisor(
                    podsDirectory: path, provider: cloud, connector: ScriptedConnector(), loop: loop)
                let (shim, agent) = try Stream.pair(on: loop)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await supervisor.run() }
                    defer { group.cancelAll() }
                    _ = try await supervisor.create(request("a"))
                    try await holdingDisk {
                        group.addTask { try await supervisor.start(request("a").id) }
                        for number in 0..<UInt8(200) {
                            try await shim.write([number])
                            #expect(try await agent.read(upTo: 1) == [number])
                            await loop.yield()
                        }
                        let record = try DurableFile.read("\(path)/a/record.json", limit: 4096)
                        #expect(String(decoding: record, as: UTF8.self).contains("\"prepared\""))
                        #expect(cloud.calls[.create] == 0)
                    }
                    // The start ends; the background work goes on.
                    try await group.next()
                }
                #expect(cloud.calls[.create] == 1)
                #expect(supervisor.sandboxes().map(\.state) == [.running])
            }
        }
    }

    @Test("does not empty a directory that a link in a sandbox's place points to")
    func linked() throws {
        try withTemporaryDirectory { path in
            try Files.makeDirectories("\(path)/victim/nested")
            try DurableFile.write([7], to: "\(path)/victim/record.json")
            try run(podsDirectory: "\(path)/pods") { supervisor in
                for id in ["a", "b"] { _ = try await supervisor.create(request(id, pod: id)) }
                try await supervisor.start(request("b").id)
                for id in ["a", "b"] {
                    try Files.removeTree("\(path)/pods/\(id)")
                    try Files.link("\(path)/victim", at: "\(path)/pods/\(id)")
                    _ = await failure { try await supervisor.stop(id) }
                }
                while !supervisor.sandboxes().isEmpty { await Task.yield() }
                #expect(try Files.list("\(path)/pods").isEmpty)
            }
            #expect(try Files.list("\(path)/victim") == ["nested", "record.json"])
            #expect(try DurableFile.read("\(path)/victim/record.json", limit: 9) == [7])
        }
    }

    @Test("logs once that directories of a Go adaptor exist, and has no sandboxes from them")
    func goAdaptor() throws {
        try withTemporaryDirectory { path in
            let log = LineRecorder()
            for id in ["go-1", "go-2", "go-3"] {
                try Files.makeDirectories("\(path)/\(id)")
                try DurableFile.write([1], to: "\(path)/\(id)/apf.json")
            }
            try run(podsDirectory: path, logger: log.logger) { supervisor in
                #expect(supervisor.sandboxes().isEmpty)
            }
            #expect(log.lines.count == 1, "\(log.lines)")
            #expect(log.lines.allSatisfy { $0.contains("Go cloud-api-adaptor") && $0.contains("\"count\":3") })
            #expect(try Files.list(path) == ["go-1", "go-2", "go-3"])
        }
    }

    @Test("the error says what to check when the pods directory cannot be created")
    func unusable() throws {
        try withTemporaryDirectory { path in
            try DurableFile.write([1], to: "\(path)/file")
            let error = #expect(throws: LifecycleError.self) {
                try run(podsDirectory: "\(path)/file/pods") { _ in }
            }
            #expect(error?.message.contains("-pods-dir") == true)
            #expect(error?.message.contains("\(path)/file") == true)
        }
    }

    @Test("fails CreateVM with an error that says so when the pods directory was removed")
    func gone() throws {
        try withTemporaryDirectory { path in
            try run(podsDirectory: "\(path)/pods") { supervisor in
                try Files.removeTree("\(path)/pods")
                try DurableFile.write([1], to: "\(path)/pods")
                let error = await failure { _ = try await supervisor.create(request("a")) }
                #expect(error?.code == .internal)
                #expect(error?.message.contains("\(path)/pods") == true, "\(error as Any)")
                #expect(supervisor.sandboxes().isEmpty)
            }
        }
    }
}
