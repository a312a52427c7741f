import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@testable import PodVMLifecycle

/// What comes while the disk takes its time with the record that a call needs.
@Suite("While a record is being written")
struct HeldWriteTests {
    let id: SandboxID

    init() throws { id = try request("a").id }

    /// Holds the next write, begins `call`, and has `meanwhile` run while that write hangs; then lets it go.
    private func during<Value: Sendable>(
        _ node: Node, _ call: @escaping @Sendable () async -> Value,
        passing: Int = 0, meanwhile: (Task<Value, Never>) async throws -> Void
    ) async throws -> Value {
        let disk = Event()
        let before = node.store.operations[.began]
        node.store.hold(until: disk, passing: passing)
        let task = Task { await call() }
        await node.store.operations.reached(.began, before + passing + 1)
        try await meanwhile(task)
        disk.set()
        return await task.value
    }

    private func created(
        _ node: Node, _ body: @escaping @Sendable (SandboxSupervisor) async throws -> Void
    ) async throws {
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await body(supervisor)
        }
    }

    @Test("other sandboxes are created, started and stopped")
    func others() async throws {
        let node = Node()
        try await node.run { supervisor in
            let error = try await during(node, { await failure { _ = try await supervisor.create(request("a")) } }) {
                _ in
                _ = try await supervisor.create(request("b", pod: "other"))
                try await supervisor.start(request("b").id)
                try await supervisor.stop("b")
            }
            #expect(error == nil)
            await node.settled()
        }
        #expect(node.states == ["prepared"])
    }

    @Test("the first record's: another CreateVM of the same id is refused, and the first one is valid")
    func createTwice() async throws {
        let node = Node()
        try await node.run { supervisor in
            let first = try await during(node, { await failure { _ = try await supervisor.create(request("a")) } }) {
                _ in
                let second = await failure { _ = try await supervisor.create(request("a", pod: "other")) }
                #expect(second?.code == .alreadyExists)
            }
            #expect(first == nil)
        }
        #expect(node.supervisor.sandboxes().map(\.podName) == ["nginx"])
        #expect(node.connector.calls[.prepare] == 1)
    }

    @Test("the first record's: the name of the VM is taken already")
    func sameVMName() async throws {
        let node = Node()
        try await node.run { supervisor in
            let first = try await during(
                node, { await failure { _ = try await supervisor.create(request("0a1b2c3d00")) } }
            ) { _ in
                let second = await failure { _ = try await supervisor.create(request("0a1b2c3d01")) }
                #expect(second?.code == .alreadyExists)
            }
            #expect(first == nil)
        }
        #expect(node.states == ["prepared"])
    }

    @Test("the first record's: a StopVM waits for it and then removes the sandbox")
    func stopDuringCreate() async throws {
        let node = Node()
        try await node.run { supervisor in
            var stop: Task<LifecycleError?, Never>?
            let error = try await during(node, { await failure { _ = try await supervisor.create(request("a")) } }) {
                _ in
                stop = Task { await failure { try await supervisor.stop("a") } }
                await node.queued(1, on: id)
            }
            #expect(await stop?.value == nil)
            #expect(error?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("the first record's, which fails: nothing is left, StopVM succeeds, and the id is free")
    func failedCreate() async throws {
        let node = Node()
        try await node.run { supervisor in
            node.store.fail(with: .full)
            var stop: Task<LifecycleError?, Never>?
            let error = try await during(node, { await failure { _ = try await supervisor.create(request("a")) } }) {
                _ in
                stop = Task { await failure { try await supervisor.stop("a") } }
                await node.queued(1, on: id)
            }
            #expect(error?.code == .resourceExhausted)
            #expect(await stop?.value == nil)
            node.expectNothingLeft()
            node.store.fail(with: nil)
            _ = try await supervisor.create(request("a"))
        }
        #expect(node.states == ["prepared"])
    }

    @Test("the first record's: a caller that closes its connection leaves nothing")
    func hangUpDuringCreate() async throws {
        let node = Node()
        try await node.run { supervisor in
            let error = try await during(node, { await failure { _ = try await supervisor.create(request("a")) } }) {
                $0.cancel()
            }
            #expect(error?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("StartVM's: the cloud gets no request before the record is on disk")
    func writeFirst() async throws {
        let node = Node()
        try await created(node) { supervisor in
            let error = try await during(node, { await failure { try await supervisor.start(id) } }) { _ in
                #expect(node.cloud.calls[.create] == 0)
                #expect(node.states == ["prepared"], "a state that is not on disk is not shown")
            }
            #expect(error == nil)
        }
        #expect(node.states == ["running"])
    }

    @Test("StartVM's: a second StartVM joins the first, and the VM is created once")
    func startTwice() async throws {
        let node = Node()
        try await created(node) { supervisor in
            var second: Task<LifecycleError?, Never>?
            let first = try await during(node, { await failure { try await supervisor.start(id) } }) { _ in
                second = Task { await failure { try await supervisor.start(id) } }
                await node.queued(1, on: id)
            }
            #expect(first == nil)
            #expect(await second?.value == nil)
        }
        #expect(node.cloud.created.count == 1)
    }

    @Test("StartVM's: a StopVM succeeds, and the deletion follows every earlier request to the cloud")
    func stopDuringStart() async throws {
        let node = Node()
        node.connector.connection.append(.wait(Event()))
        node.cloud.provisioning.append(.wait(Event()))
        try await created(node) { supervisor in
            var stop: Task<LifecycleError?, Never>?
            let error = try await during(node, { await failure { try await supervisor.start(id) } }) { _ in
                stop = Task { await failure { try await supervisor.stop("a") } }
                await node.queued(1, on: id)
            }
            #expect(error?.code == .cancelled)
            #expect(await stop?.value == nil)
            await node.settled()
            node.expectNothingLeft()
        }
        #expect(node.store.writes.prefix(4) == ["preparing", "prepared", "creating", "deleting"])
    }

    @Test("StartVM's, which fails: the cloud gets no request, and the sandbox does not change")
    func failedStart() async throws {
        let node = Node()
        try await created(node) { supervisor in
            node.store.fail(with: .full)
            let error = try await during(node, { await failure { try await supervisor.start(id) } }) { $0.cancel() }
            #expect(error?.code == .resourceExhausted)
            #expect(node.states == ["prepared"])
            #expect(node.cloud.calls[.create] == 0)
            node.store.fail(with: nil)
            try await supervisor.start(id)
        }
        #expect(node.states == ["running"])
    }

    @Test("any of StartVM's: the VM of a caller that closes its connection is deleted", arguments: 0...2)
    func hangUpDuringStart(write: Int) async throws {
        let node = Node()
        // Otherwise the start can end before its caller sees the cancellation.
        if write == 0 { node.cloud.provisioning.append(.wait(Event())) }
        try await created(node) { supervisor in
            let error = try await during(node, { await failure { try await supervisor.start(id) } }, passing: write) {
                $0.cancel()
            }
            #expect(error?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
        #expect(node.store.writes.contains("creating"))
    }

    @Test("any of StartVM's: a StopVM during the write deletes the VM", arguments: 0...2)
    func stopDuringAnyWrite(write: Int) async throws {
        let node = Node()
        try await created(node) { supervisor in
            var stop: Task<LifecycleError?, Never>?
            _ = try await during(node, { await failure { try await supervisor.start(id) } }, passing: write) { _ in
                stop = Task { await failure { try await supervisor.stop("a") } }
                await node.queued(1, on: id)
            }
            #expect(await stop?.value == nil)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("StopVM's: it does not answer before the write ends, also when its caller closes the connection")
    func stopIsRecorded() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await created(node) { supervisor in
            try await supervisor.start(id)
            let error = try await during(node, { await failure { try await supervisor.stop("a") } }) { call in
                call.cancel()
                #expect(node.cloud.calls[.delete] == 0)
                #expect(node.states == ["running"])
            }
            #expect(error == nil)
            #expect(node.store.writes.last == "deleting")
            cloudIsBack.set()
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("StopVM's: a second one, and a StartVM, wait for it")
    func stopTwice() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await created(node) { supervisor in
            try await supervisor.start(id)
            var others: [Task<LifecycleError?, Never>] = []
            let error = try await during(node, { await failure { try await supervisor.stop("a") } }) { _ in
                others.append(Task { await failure { try await supervisor.stop("a") } })
                await node.queued(1, on: id)
                others.append(Task { await failure { try await supervisor.start(id) } })
                await node.queued(2, on: id)
            }
            #expect(error == nil)
            #expect(await others[0].value == nil)
            let start = try #require(await others[1].value)
            #expect(start.code == .failedPrecondition)
            cloudIsBack.set()
            await node.settled()
            node.expectNothingLeft()
        }
        #expect(node.cloud.deleted.count == 1)
    }

    @Test("the directory's removal: a StopVM waits for it, and a later CreateVM creates a new sandbox")
    func removal() async throws {
        let node = Node()
        try await created(node) { supervisor in
            // "gone", then the removal.
            var stop: Task<LifecycleError?, Never>?
            var create: Task<LifecycleError?, Never>?
            let first = try await during(
                node, { await failure { try await supervisor.stop("a") } }, passing: 1
            ) { _ in
                stop = Task { await failure { try await supervisor.stop("a") } }
                await node.queued(1, on: id)
                create = Task { await failure { _ = try await supervisor.create(request("a")) } }
            }
            #expect(first == nil)
            #expect(await stop?.value == nil)
            #expect(await create?.value == nil)
        }
        #expect(node.states == ["prepared"])
        #expect(node.store.directories.count == 1)
    }

    @Test("a power cut at any time leaves a record for every VM that was requested from the cloud")
    func powerCut() async throws {
        let node = Node()
        try await created(node) { supervisor in
            #expect(node.store.afterPowerCut().directories.isEmpty, "neither the pod nor the VM exists any more")
            try await supervisor.start(id)
        }
        let next = Node(store: node.store.afterPowerCut(), cloud: node.cloud)
        try await next.run { supervisor in
            #expect(next.states == ["running"])
            let cloudIsBack = Event()
            next.cloud.deletion.append(.wait(cloudIsBack))
            try await supervisor.stop("a")
            #expect(next.store.afterPowerCut().directories == [id])
            cloudIsBack.set()
            await next.settled()
            next.expectNothingLeft()
        }
    }
}
