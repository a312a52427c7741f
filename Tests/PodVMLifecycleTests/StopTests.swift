import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@Suite("StopVM")
struct StopTests {
    let id: SandboxID

    init() throws { id = try request("a").id }

    private func run(
        _ node: Node, _ body: @escaping @Sendable (SandboxSupervisor) async throws -> Void
    ) async throws {
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(id)
            try await body(supervisor)
        }
    }

    @Test("succeeds for an unknown sandbox, and for an invalid id", arguments: ["b", "", "../x", "a\0", "/"])
    func unknown(text: String) async throws {
        let node = Node()
        try await run(node) { try await $0.stop(text) }
        #expect(node.states == ["running"])
    }

    @Test("removes a sandbox that was never started, without a request to the cloud")
    func neverStarted() async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.stop("a")
            node.expectNothingLeft()
        }
        #expect(node.cloud.calls[.delete] == 0)
    }

    @Test("answers when the deletion is recorded and the tunnel closed, not when the VM is gone")
    func answersAtOnce() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await run(node) { supervisor in
            try await supervisor.stop("a")
            #expect(node.store.writes.last == "deleting")
            #expect(node.connector.connected.isEmpty)
            #expect(node.states == ["deleting"])
            #expect(node.cloud.machines.count == 1)
            cloudIsBack.set()
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("is waited for when the process ends, but not longer than the limit")
    func drain() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await run(node) { supervisor in
            let before = node.clock.naps.count
            try await supervisor.drain(within: .seconds(60))
            #expect(node.clock.naps.count == before, "no deletion runs")
            try await supervisor.stop("a")
            try await supervisor.drain(within: .zero)

            let limit = Task { try await supervisor.drain(within: .seconds(60)) }
            await node.clock.slept(before + 1)
            node.clock.advance(by: .seconds(60))
            try await limit.value
            #expect(node.states == ["deleting"])

            let whole = Task { try await supervisor.drain(within: .seconds(60)) }
            await node.clock.slept(before + 2)
            cloudIsBack.set()
            await node.settled()
            node.clock.advance(by: .seconds(1))
            try await whole.value
            node.expectNothingLeft()
        }
    }

    @Test("can be called any number of times")
    func again() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await run(node) { supervisor in
            for _ in 0..<5 { try await supervisor.stop("a") }
            #expect(node.cloud.calls[.delete] <= 1)
            cloudIsBack.set()
            await node.settled()
            try await supervisor.stop("a")
            #expect(node.cloud.deleted.count == 1)
            node.expectNothingLeft()
        }
    }

    @Test("repeats the deletion with growing pauses until the VM is gone")
    func backoff() async throws {
        let node = Node()
        for _ in 0..<8 { node.cloud.deletion.append(.fail(.unreachable)) }
        try await run(node) { supervisor in
            try await supervisor.stop("a")
            let seconds = [1, 2, 4, 8, 16, 32, 60, 60]
            // The first nap was StartVM's, against its clock.
            for (index, wait) in seconds.enumerated() {
                await node.clock.slept(index + 2)
                #expect(node.states == ["deleting"])
                #expect(node.supervisor.sandboxes().first?.failure?.contains("unreachable") == true)
                node.clock.advance(by: .seconds(wait))
            }
            await node.settled()
            #expect(node.clock.naps.dropFirst() == seconds.map { .seconds($0) }[...])
            node.expectNothingLeft()
        }
    }

    @Test("waits as long as the cloud advises, and continues even if the cloud advises to give up")
    func advice() async throws {
        let node = Node()
        node.cloud.deletion.append(.fail(ProviderError(.throttled, .retry(after: .seconds(90)), during: "DELETE")))
        node.cloud.deletion.append(.fail(ProviderError(.rejected, .giveUp, during: "DELETE")))
        try await run(node) { supervisor in
            try await supervisor.stop("a")
            await node.clock.slept(2)
            node.clock.advance(by: .seconds(89))
            #expect(node.cloud.calls[.delete] == 1)
            node.clock.advance(by: .seconds(1))
            await node.clock.slept(3)
            node.clock.advance(by: .seconds(2))
            await node.settled()
            #expect(node.clock.naps.dropFirst() == [.seconds(90), .seconds(2)])
            node.expectNothingLeft()
        }
    }

    @Test("deletes the VM also on a full disk, and reports that a restart would lose the deletion")
    func fullDisk() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await run(node) { supervisor in
            node.store.fail(with: .full)
            let error = await failure { try await supervisor.stop("a") }
            #expect(error?.code == .resourceExhausted)
            #expect(error?.message.contains("No space left") == true)
            #expect(await failure { try await supervisor.stop("a") } != nil)
            node.store.fail(with: nil)
            try await supervisor.stop("a")
            #expect(node.store.writes.last == "deleting")
            cloudIsBack.set()
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("on a full disk, once it has succeeded, is not undone by a power cut")
    func fullDiskAndPowerCut() async throws {
        let node = Node()
        try await run(node) { supervisor in
            node.store.fail(with: .full)
            _ = await failure { try await supervisor.stop("a") }
            await node.settled()
            try await supervisor.stop("a")
            #expect(!node.store.writes.contains("deleting"), "only the removal is durable")
        }
        let next = Node(store: node.store.afterPowerCut(), cloud: node.cloud)
        try await next.run { _ in #expect(next.states.isEmpty) }
    }

    @Test("after a full disk, once it has succeeded, is not undone by a power cut although the directory is left")
    func recordAfterFullDisk() async throws {
        let (node, goesOn) = (Node(), Event())
        node.connector.giving.append(.wait(goesOn))
        try await run(node) { supervisor in
            node.store.fail(with: .full)
            _ = await failure { try await supervisor.stop("a") }
            await node.connector.calls.reached(.release)
            node.store.fail(with: nil)
            try await supervisor.stop("a")
            #expect(node.store.writes.last == "gone" && node.store.directories.count == 1)
        }
        let next = Node(store: node.store.afterPowerCut(), cloud: node.cloud)
        try await next.run { _ in
            await next.settled()
            #expect(next.states.isEmpty)
        }
    }

    @Test("reports nothing about a full disk when everything is deleted at once")
    func fullDiskNeverStarted() async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            node.store.fail(with: .full)
            try await supervisor.stop("a")
            node.expectNothingLeft()
        }
    }

    @Test("deletes the VM even if disconnecting does not end")
    func hangingConnector() async throws {
        let node = Node()
        let networkIsBack = Event()
        try await run(node) { supervisor in
            node.connector.holdDisconnecting(until: networkIsBack)
            let call = Task { await failure { try await supervisor.stop("a") } }
            await node.cloud.calls.reached(.delete)
            networkIsBack.set()
            #expect(await call.value == nil)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("releases the resources that the VM might still use only when the VM is gone")
    func keptUntilGone() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await run(node) { supervisor in
            try await supervisor.stop("a")
            #expect(node.connector.kept == [id])
            #expect(node.connector.calls[.release] == 0)
            cloudIsBack.set()
            await node.settled()
            #expect(node.connector.calls[.release] == 1)
            node.expectNothingLeft()
        }
    }

    @Test("repeats a release that fails, and answers meanwhile")
    func stubbornNetwork() async throws {
        let node = Node()
        node.connector.giving.append(.fail(ConnectorError(.failed, "the kernel is busy")))
        try await run(node) { supervisor in
            try await supervisor.stop("a")
            await node.clock.slept(2)
            #expect(node.cloud.machines.isEmpty)
            #expect(node.store.directories == [id], "the record of a failed release must exist after a restart")
            #expect(supervisor.sandboxes().first?.failure?.contains("the kernel is busy") == true)
            node.clock.advance(by: .seconds(1))
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("of a sandbox without a VM answers after the first try of the release")
    func stubbornNetworkWithoutVM() async throws {
        let node = Node()
        let networkIsBack = Event()
        node.connector.giving.append(.fail(ConnectorError(.failed, "the kernel is busy")))
        node.connector.giving.append(.wait(networkIsBack))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.stop("a")
            #expect(node.connector.kept == [id])
            await node.clock.slept(1)
            node.clock.advance(by: .seconds(1))
            networkIsBack.set()
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("repeats a removal that the disk refuses")
    func stubbornDirectory() async throws {
        let node = Node()
        try await run(node) { supervisor in
            node.store.fail(with: .readOnly)
            _ = await failure { try await supervisor.stop("a") }
            await node.clock.slept(2)
            #expect(node.cloud.machines.isEmpty)
            #expect(node.states == ["deleting"])
            node.store.fail(with: nil)
            node.clock.advance(by: .seconds(1))
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("keeps the record of an unfinished deletion when the process is told to end")
    func shutdown() async throws {
        let node = Node()
        node.cloud.deletion.append(.fail(.unreachable))
        try await run(node) { supervisor in
            try await supervisor.stop("a")
            await node.clock.slept(2)
        }
        #expect(node.states == ["deleting"])
        #expect(try node.store.load().records.map(\.state.name) == ["deleting"])
        // The next process does it.
        let next = Node(store: node.store, cloud: node.cloud)
        try await next.run { _ in await next.settled() }
        next.expectNothingLeft()
    }

    @Test("answers and keeps its record when the background work has already stopped")
    func afterShutdown() async throws {
        let node = Node()
        try await run(node) { _ in }
        try await node.supervisor.stop("a")
        #expect(try node.store.load().records.map(\.state.name) == ["deleting"])
    }

    @Test("does not count a VM whose tags were removed as deleted: reports it, and tries again after five minutes")
    func foreign() async throws {
        let node = Node()
        node.cloud.deletion.append(.fail(.foreign))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
            try await supervisor.stop("a")
            await node.clock.slept(2)
            #expect(node.states == ["deleting"])
            #expect(supervisor.sandboxes().first?.failure?.contains("tags name another owner") == true)
            #expect(node.clock.naps.last == .seconds(300))
            node.clock.advance(by: .seconds(300))
            await node.settled()
            node.expectNothingLeft()
        }
    }
}
