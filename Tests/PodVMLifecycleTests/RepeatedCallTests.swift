import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("Repeated calls")
struct RepeatedCallTests {
    let id: SandboxID

    init() throws { id = try request("a").id }

    @Test("the same CreateVM joins the one in progress, and answers the same when it is done")
    func create() async throws {
        let node = Node()
        let ready = Event()
        node.connector.preparation.append(.wait(ready))
        try await node.run { supervisor in
            async let first = supervisor.create(request("a"))
            await node.connector.calls.reached(.prepare)
            async let second = supervisor.create(request("a"))
            try await node.joined(id, by: 2)
            ready.set()
            let third = try await supervisor.create(request("a"))
            let paths = [try await first, try await second, third]
            #expect(paths == Array(repeating: "/memory/a/agent.ttrpc", count: 3))
            #expect(await failure { _ = try await supervisor.create(request("a", pod: "b")) }?.code == .alreadyExists)
        }
        #expect(node.connector.calls[.prepare] == 1)
        #expect(node.states == ["prepared"])
    }

    @Test("all callers of a CreateVM get its error")
    func createFails() async throws {
        let node = Node()
        let ready = Event()
        node.connector.preparation.append(.wait(ready))
        try await node.run { supervisor in
            async let first = failure { _ = try await supervisor.create(request("a")) }
            await node.connector.calls.reached(.prepare)
            async let second = failure { _ = try await supervisor.create(request("a")) }
            try await node.joined(id, by: 2)
            try await supervisor.stop("a")
            let codes = await [first?.code, second?.code]
            #expect(codes == [.cancelled, .cancelled])
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("the same CreateVM after a restart waits for the removal of what was half prepared, or answers the same")
    func createAfterRestart() async throws {
        // A crash during the preparation left this record.
        let record = SandboxRecord(try request("a"), vm: VMName.make(pod: "nginx", sandbox: id), created: 1)
        let store = MemoryStore()
        store.put(record.encoded, for: id)
        let node = Node(store: store, callersSurvive: true)
        try await node.run { supervisor in
            let path = try await supervisor.create(request("a"))
            #expect(path == "/memory/a/agent.ttrpc")
        }
        let next = Node(store: store, callersSurvive: true)
        try await next.run { supervisor in
            let path = try await supervisor.create(request("a"))
            #expect(path == "/memory/a/agent.ttrpc")
            #expect(next.connector.calls[.prepare] == 0)
        }
    }

    @Test("StartVM joins the start in progress, and the end of one caller does not end the start")
    func start() async throws {
        let node = Node()
        let agentIsUp = Event()
        node.connector.connection.append(.wait(agentIsUp))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            let first = Task { await failure { try await supervisor.start(id) } }
            await node.connector.calls.reached(.connect)
            async let second: Void = supervisor.start(id)
            try await node.joined(id, by: 2)
            first.cancel()
            #expect(await first.value?.code == .cancelled)
            #expect(node.states == ["booting"])
            agentIsUp.set()
            try await second
        }
        #expect(node.states == ["running"])
        #expect(node.cloud.calls[.create] == 1)
    }

    @Test("a start ends when its last caller has gone")
    func lastCaller() async throws {
        let node = Node()
        node.connector.connection.append(.wait(Event()))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            let callers = [
                Task { await failure { try await supervisor.start(id) } },
                Task { await failure { try await supervisor.start(id) } },
            ]
            await node.connector.calls.reached(.connect)
            try await node.joined(id, by: 2)
            for caller in callers {
                caller.cancel()
                #expect(await caller.value?.code == .cancelled)
            }
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("StartVM of a running sandbox succeeds, and asks nothing of the cloud")
    func running() async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            for _ in 0..<2 { try await supervisor.start(id) }
        }
        #expect(node.cloud.calls[.create] == 1)
    }
}

@Suite("A request that takes effect after a crash")
struct LateRequestTests {
    @Test("creates a VM that the deletion still finds, within the time that the provider names")
    func lateVM() async throws {
        let lifetime = ProcessLifetime(last: 3)
        let first = Node(cloud: ScriptedCloud(lateRequestTime: .seconds(10)), lifetime: lifetime)
        let id = try request("a").id
        try await first.run { supervisor in
            _ = try await supervisor.create(request("a"))
            _ = await failure { try await supervisor.start(id) }
        }
        let node = Node(store: first.store, cloud: first.cloud)
        try await node.run { _ in
            await node.cloud.calls.reached(.delete)
            await node.clock.slept(1)
            #expect(node.states == ["deleting"])
            let vm = VMName.make(pod: "nginx", sandbox: id)
            node.cloud.place(
                InstanceSpec(
                    name: vm, podName: "nginx", podNamespace: "default", requirements: Requirements(), userData: "",
                    tags: [:]))
            node.clock.advance(by: .seconds(10))
            await node.settled()
            node.expectNothingLeft()
            #expect(node.cloud.calls[.delete] == 2)
        }
    }

    @Test("of the process before the last creates a VM that the third process deletes")
    func threeProcesses() async throws {
        let cloud = ScriptedCloud(lateRequestTime: .seconds(10))
        let first = Node(cloud: cloud, lifetime: ProcessLifetime(last: 3))
        let id = try request("a").id
        try await first.run { supervisor in
            _ = try await supervisor.create(request("a"))
            _ = await failure { try await supervisor.start(id) }
        }
        let second = Node(store: first.store, cloud: cloud)
        try await second.run { _ in
            await cloud.calls.reached(.delete)
            await second.clock.slept(1)
        }
        #expect(first.store.directories == [id], "the second process ends before the late request's time")
        let third = Node(store: first.store, cloud: cloud)
        try await third.run { _ in
            await cloud.calls.reached(.delete, 2)
            await third.clock.slept(1)
            cloud.place(
                InstanceSpec(
                    name: VMName.make(pod: "nginx", sandbox: id), podName: "nginx", podNamespace: "default",
                    requirements: Requirements(), userData: "", tags: [:]))
            third.clock.advance(by: .seconds(10))
            await third.settled()
            third.expectNothingLeft()
        }
        #expect(cloud.calls[.delete] == 3)
    }

    @Test("may take effect after a deletion whose answer came late: the VM is deleted again")
    func lateAnswer() async throws {
        let id = try request("a").id
        var record = SandboxRecord(try request("a"), vm: VMName.make(pod: "nginx", sandbox: id), created: 1)
        record.state = .creating(record.state.vm)
        let store = MemoryStore()
        store.put(record.encoded, for: id)
        let node = Node(store: store, cloud: ScriptedCloud(lateRequestTime: .seconds(10)))
        let answer = Event()
        node.cloud.deletion.append(.wait(answer))
        try await node.run { _ in
            await node.cloud.calls.reached(.delete)
            node.clock.advance(by: .seconds(10))
            answer.set()
            await node.settled()
            node.expectNothingLeft()
        }
        #expect(node.cloud.calls[.delete] == 2)
    }
}

extension Node {
    /// Returns once that many callers wait for the sandbox's call.
    func joined(_ id: SandboxID, by callers: Int) async throws {
        let call = try #require(supervisor.table.withLock { $0.entries[id]?.call })
        while call.callers < callers { await Task.yield() }
    }
}
