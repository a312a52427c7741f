import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import PodVMLifecycle

/// A log whose lines a test can read.
final class LineRecorder: Sendable {
    private let recorded = Lock<[String]>([])
    var lines: [String] { recorded.withLock { $0 } }
    var logger: Logger {
        Logger(level: .debug, format: .json) { line in
            self.recorded.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        }
    }
}

@Suite("Many sandboxes")
struct ManySandboxesTests {
    @Test("handles a hundred sandboxes at once, some of which fail, and leaves nothing")
    func hundred() async throws {
        let node = Node()
        for index in 0..<20 {
            node.cloud.creation.append(index.isMultiple(of: 2) ? .workAndFail(.unreachable) : .fail(.quota))
        }
        try await node.run { supervisor in
            let started = await withTaskGroup(of: Bool.self) { group in
                for index in 0..<100 {
                    group.addTask {
                        guard let wanted = try? request("sandbox-\(index)", pod: "pod-\(index)") else { return false }
                        return await failure {
                            _ = try await supervisor.create(wanted)
                            try await supervisor.start(wanted.id)
                        } == nil
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
            #expect(started == 80)
            #expect(node.states.count { $0 == "running" } == 80)
            try await withThrowingTaskGroup { group in
                for index in 0..<100 { group.addTask { try await supervisor.stop("sandbox-\(index)") } }
                try await group.waitForAll()
            }
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("does the work of many concurrent starts, or creations, of the same sandbox once")
    func sameSandbox() async throws {
        let node = Node()
        try await node.run { supervisor in
            let created = await successes(of: 20) { _ = try await supervisor.create(request("a")) }
            #expect(created == 20)
            let started = await successes(of: 20) { try await supervisor.start(request("a").id) }
            #expect(started == 20)
            #expect(node.connector.calls[.prepare] == 1)
            #expect(node.cloud.created.count == 1)
            #expect(await successes(of: 20) { try await supervisor.stop("a") } == 20)
            await node.settled()
            #expect(node.cloud.deleted.count == 1)
            node.expectNothingLeft()
        }
    }

    @Test("leaves nothing, whatever calls arrive at the same time", arguments: 0..<20)
    func race(round: Int) async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            await withTaskGroup { group in
                group.addTask { _ = await failure { try await supervisor.start(request("a").id) } }
                group.addTask {
                    for _ in 0..<round { await Task.yield() }
                    _ = await failure { try await supervisor.stop("a") }
                }
            }
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("counts sandboxes and their events")
    func metrics() async throws {
        let node = Node()
        try await node.run { supervisor in
            for (index, id) in ["a", "b", "c"].enumerated() {
                if index == 2 { node.cloud.creation.append(.fail(.quota)) }
                _ = try await supervisor.create(request(id))
                _ = await failure { try await supervisor.start(request(id).id) }
            }
            try await supervisor.stop("b")
            await node.settled()
        }
        let text = node.metrics.render()
        for line in [
            "peerpods_vm_starts_total 3", "peerpods_vm_start_failures_total{code=\"resource exhausted\"} 1",
            "peerpods_vm_stops_total 1", "peerpods_vm_deletions_total 2", "peerpods_sandboxes{state=\"running\"} 1",
            "peerpods_sandboxes{state=\"deleting\"} 0", "peerpods_vm_start_seconds_count{phase=\"create\"} 2",
            "peerpods_vm_start_seconds_count{phase=\"connect\"} 2",
            "peerpods_vm_start_seconds_count{phase=\"total\"} 2",
        ] { #expect(text.contains(line + "\n"), "\(line) in \(text)") }
    }

    @Test("logs the names that an operator searches for, and no secret")
    func logs() async throws {
        let log = LineRecorder()
        let node = Node(logger: log.logger)
        try await node.run { supervisor in
            var wanted = try request("a")
            wanted.initdata = "the owner's secret"
            _ = try await supervisor.create(wanted)
            try await supervisor.start(wanted.id)
            try await supervisor.stop("a")
            await node.settled()
        }
        #expect(log.lines.contains { $0.contains("create a sandbox a for pod nginx in namespace default") })
        for line in log.lines {
            for field in [
                "\"sandbox\":\"a\"", "\"pod\":\"nginx\"", "\"namespace\":\"default\"", "\"vm\":\"podvm-nginx-",
            ] {
                #expect(line.contains(field))
            }
            #expect(!line.contains("secret"))
            #expect(!line.contains("I2Nsb3Vk"), "user data")
        }
        #expect(!"\(try request("a"))".contains("secret"))
    }

    private func successes(of count: Int, _ body: @escaping @Sendable () async throws -> Void) async -> Int {
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<count { group.addTask { await failure(body) == nil } }
            return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
    }
}
