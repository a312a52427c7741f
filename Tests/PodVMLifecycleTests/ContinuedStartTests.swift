import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

@Suite("A start whose callers survive the adaptor's restart")
struct ContinuedStartTests {
    let id: SandboxID

    init() throws { id = try request("a").id }

    enum Phase: CaseIterable, Sendable {
        case creating, booting

        func hold(_ node: Node) {
            switch self {
            case .creating: node.cloud.creation.append(.wait(Event()))
            case .booting: node.connector.connection.append(.wait(Event()))
            }
        }

        func reached(by node: Node) async {
            switch self {
            case .creating: await node.cloud.calls.reached(.create)
            case .booting: await node.connector.calls.reached(.connect)
            }
        }
    }

    /// A node whose process ends during a StartVM, whose caller gets no answer.
    private func interruptedNode(_ phase: Phase) async throws -> Node {
        let node = Node(callersSurvive: true)
        phase.hold(node)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            let call = Task { await failure { try await supervisor.start(id) } }
            await phase.reached(by: node)
            supervisor.refuseStarts()
            let later = Task { await failure { try await supervisor.start(id) } }
            call.cancel()
            later.cancel()
            #expect(await call.value?.code == .cancelled)
            #expect(await later.value?.code == .unavailable)
        }
        #expect(node.states == [phase == .creating ? "creating" : "booting"])
        #expect(node.cloud.calls[.delete] == 0)
        return node
    }

    @Test("is continued by the StartVM that the gateway repeats", arguments: Phase.allCases)
    func continued(phase: Phase) async throws {
        let first = try await interruptedNode(phase)
        let node = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        try await node.run { supervisor in
            try await supervisor.start(id)
            // The time for a StartVM has no meaning any more.
            await node.clock.slept(1)
            node.clock.advance(by: .seconds(30))
            #expect(node.states == ["running"])
        }
        #expect(node.cloud.deleted.isEmpty && node.cloud.machines.count == 1)
        #expect(node.connector.connected == [id])
    }

    @Test("is undone when no StartVM comes within 30 seconds", arguments: Phase.allCases)
    func unclaimed(phase: Phase) async throws {
        let first = try await interruptedNode(phase)
        let node = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        try await node.run { _ in
            await node.clock.slept(1)
            #expect(node.clock.naps == [.seconds(30)])
            node.clock.advance(by: .seconds(29))
            #expect(node.states == [phase == .creating ? "creating" : "booting"])
            node.clock.advance(by: .seconds(1))
            await node.connector.calls.reached(.release)
            while !node.states.isEmpty { await Task.yield() }
            node.expectNothingLeft()
        }
    }

    @Test("waits for its StartVM only from the time at which calls can reach the process")
    func unreachable() async throws {
        let first = try await interruptedNode(.creating)
        let node = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        let gateway = Event()
        node.connector.holdCallers(until: gateway)
        try await node.run { supervisor in
            await node.connector.calls.reached(.callersReachable)
            node.clock.advance(by: .seconds(3600))
            #expect(node.clock.naps.isEmpty)
            gateway.set()
            await node.clock.slept(1)
            try await supervisor.start(id)
        }
        #expect(node.states == ["running"])
    }

    @Test("keeps its boot document until the record says that it runs, and loses it then, also after a restart")
    func document() async throws {
        // The process dies when the agent has answered, before "running" is on record.
        let first = Node(lifetime: ProcessLifetime(last: 5, .beforeTheWrite), callersSurvive: true)
        try await first.run { supervisor in
            _ = try await supervisor.create(request("a"))
            _ = await failure { try await supervisor.start(id) }
        }
        #expect(first.store.writes.last == "booting")
        #expect(first.connector.calls[.connect] == 1 && first.connector.calls[.started] == 0)
        let second = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        try await second.run { supervisor in
            try await supervisor.start(id)
            #expect(second.connector.calls[.started] == 1)
        }
        let third = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        try await third.run { _ in #expect(third.connector.calls[.started] == 1) }
    }

    @Test("has a record that survives a power cut before the cloud is asked again")
    func durable() async throws {
        // The write of this record failed after it replaced the file, so that the record was not synced.
        var record = SandboxRecord(try request("a"), vm: VMName.make(pod: "nginx", sandbox: id), created: 1)
        record.state = .creating(record.state.vm)
        let store = MemoryStore()
        try await store.create(record)
        let node = Node(store: store, callersSurvive: true)
        let cloudIsBack = Event()
        node.cloud.creation.append(.wait(cloudIsBack))
        try await node.run { supervisor in
            let start = Task { await failure { try await supervisor.start(id) } }
            await node.cloud.calls.reached(.create)
            #expect(store.afterPowerCut().directories == [id])
            cloudIsBack.set()
            #expect(await start.value == nil)
        }
    }

    @Test("keeps its VM while a full disk refuses the record of its failure: the next process may continue the start")
    func unrecordedFailure() async throws {
        let first = Node(callersSurvive: true)
        let vm = try await first.run { supervisor in
            _ = try await supervisor.create(request("a"))
            // "creating" and "booting" are the last records that the disk takes.
            first.store.fail(with: .full, after: 2)
            #expect(await failure { try await supervisor.start(id) }?.code == .resourceExhausted)
            // The first sleep was the wait for the agent.
            await first.clock.slept(2)
            first.clock.advance(by: .seconds(1))
            await first.clock.slept(3)
            #expect(first.store.writes.last == "booting" && first.cloud.calls[.delete] == 0)
            return first.cloud.machines
        }
        first.store.fail(with: nil)
        let next = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        try await next.run { supervisor in
            try await supervisor.start(id)
            #expect(next.states == ["running"])
        }
        #expect(first.cloud.calls[.delete] == 0 && first.cloud.machines == vm)
    }

    @Test(
        "that has failed has its VM deleted once its failure is on record, or the disk has refused that for 10 seconds")
    func unrecordedDeletion() async throws {
        for isMended in [true, false] {
            let node = Node(callersSurvive: true)
            try await node.run { supervisor in
                _ = try await supervisor.create(request("a"))
                node.store.fail(with: .full, after: 2)
                #expect(await failure { try await supervisor.start(id) } != nil)
                // The first sleep was the wait for the agent.
                await node.clock.slept(2)
                if isMended { node.store.fail(with: nil) }
                for (nap, seconds) in [1, 2, 4, 3].enumerated() {
                    #expect(node.cloud.calls[.delete] == 0)
                    node.clock.advance(by: .seconds(seconds))
                    if isMended { break }
                    if nap < 3 { await node.clock.slept(nap + 3) }
                }
                await node.settled()
                #expect(node.store.writes.contains("deleting") == isMended)
                node.expectNothingLeft()
            }
        }
    }

    @Test("is undone at once by a process that holds its shims' connections itself", arguments: Phase.allCases)
    func inProcess(phase: Phase) async throws {
        let first = try await interruptedNode(phase)
        let node = Node(store: first.store, cloud: first.cloud)
        try await node.run { _ in
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("is continued by a StartVM whose record is being written when the time ends")
    func claimedLast() async throws {
        let first = try await interruptedNode(.booting)
        let node = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        try await node.run { supervisor in
            await node.clock.slept(1)
            let disk = Event()
            let operations = node.store.operations[.began]
            node.store.hold(until: disk)
            let start = Task { await failure { try await supervisor.start(id) } }
            await node.store.operations.reached(.began, operations + 1)
            node.clock.advance(by: .seconds(30))
            await node.queued(1, on: id)
            disk.set()
            #expect(await start.value == nil)
            #expect(node.states == ["running"])
        }
        #expect(node.cloud.deleted.isEmpty)
    }

    @Test(
        "has callers that end when they are cancelled, also when the process ends before their work begins",
        arguments: [true, false], [true, false])
    func neverBegun(isStart: Bool, endsDuringWrite: Bool) async throws {
        let node = Node(callersSurvive: true)
        let supervisor = node.supervisor
        try await supervisor.load()
        let process = Task { await supervisor.run() }
        if isStart { _ = try await supervisor.create(request("a")) }
        let disk = Event()
        let operations = node.store.operations[.began]
        node.store.hold(until: disk)
        process.cancel()
        if !endsDuringWrite { await process.value }
        let caller = Task {
            await failure {
                if isStart { try await supervisor.start(id) } else { _ = try await supervisor.create(request("a")) }
            }
        }
        await node.store.operations.reached(.began, operations + 1)
        await process.value
        disk.set()
        caller.cancel()
        #expect(await caller.value?.code == .cancelled)
        #expect(node.cloud.calls[.create] == 0)
    }

    @Test("lets a StartVM wait that has been admitted when the process begins to end, and is decided later")
    func closing() async throws {
        let node = Node(callersSurvive: true)
        node.connector.connection.append(.wait(Event()))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            let first = Task { await failure { try await supervisor.start(id) } }
            await node.connector.calls.reached(.connect)
            let turn = try #require(supervisor.table.withLock { $0.entries[id]?.turn })
            let (isHeld, release) = (Event(), Event())
            let decision = Task {
                await turn.withPermitIgnoringCancellation {
                    isHeld.set()
                    await release.wait()
                }
            }
            await isHeld.wait()
            let second = Task { await failure { try await supervisor.start(id) } }
            await node.queued(1, on: id)
            supervisor.refuseStarts()
            release.set()
            await decision.value
            first.cancel()
            second.cancel()
            #expect(await first.value?.code == .cancelled)
            #expect(await second.value?.code == .unavailable)
        }
        #expect(node.states == ["booting"])
    }
}
