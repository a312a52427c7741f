import Doubles
import LinuxIO
import PodVMLifecycle
import Telemetry
import Testing

@testable import PodVMLifecycle

@Suite("The node's namespaces")
struct KernelNamespacesTests {
    @Test("are distinguished from nothing, the file that remains after an unmount, and a directory")
    func status() throws {
        let directory = try Files.makeTemporaryDirectory(prefix: "/tmp/netns-")
        defer { try? Files.removeTree(directory) }
        try Files.link("/proc/self/ns/net", at: "\(directory)/cni-1")
        try Files.write([], to: "\(directory)/unmounted", at: 0)
        let namespaces = KernelNamespaces()
        #expect(namespaces.status(at: "\(directory)/cni-1") == .present)
        #expect(namespaces.status(at: "\(directory)/unmounted") == .notANamespace)
        #expect(namespaces.status(at: directory) == .directory)
        #expect(namespaces.status(at: "\(directory)/nothing") == .missing)
        #expect([NamespaceStatus.missing, .notANamespace, .directory].allSatisfy { $0.isGone })
        #expect(!NamespaceStatus.present.isGone)
    }
}

@Suite("A sandbox that its shim has abandoned")
struct AbandonedTests {
    private let path = "/run/netns/cni-1"

    /// Moves time on by that much, then looks.
    private func look(after duration: Duration, at node: Node) async {
        node.clock.advance(by: duration)
        await node.supervisor.stopAbandonedOnce()
    }

    @Test(
        "is stopped when its namespace and connections have been absent for the timeout; the log says why",
        arguments: [true, false], [NamespaceStatus.missing, .notANamespace])
    func stopped(isStarted: Bool, remains: NamespaceStatus) async throws {
        let log = LineRecorder()
        let node = Node(logger: log.logger)
        try await node.run { supervisor in
            let request = try request("a", networkNamespace: path)
            _ = try await supervisor.create(request)
            if isStarted { try await supervisor.start(request.id) }
            await look(after: .seconds(3600), at: node)
            #expect(node.states == [isStarted ? "running" : "prepared"], "the namespace exists")

            node.namespaces.set(remains, at: path)
            await look(after: .zero, at: node)
            await look(after: .seconds(59), at: node)
            #expect(node.states == [isStarted ? "running" : "prepared"])
            await look(after: .seconds(1), at: node)
            await node.settled()
            node.expectNothingLeft()
        }
        #expect(log.lines.contains { $0.contains("abandoned") && $0.contains(path) })
        #expect(node.metrics.render().contains("peerpods_abandoned_sandboxes_total 1"))
    }

    @Test("must be absent without interruption: a connection, or the namespace's return, restarts the timeout")
    func signsOfLife() async throws {
        let node = Node()
        try await node.run { supervisor in
            let request = try request("a", networkNamespace: path)
            _ = try await supervisor.create(request)
            try await supervisor.start(request.id)
            node.namespaces.set(.missing, at: path)
            await look(after: .zero, at: node)
            await look(after: .seconds(50), at: node)
            node.connector.setLastUse(node.clock.now)
            await look(after: .seconds(50), at: node)
            node.namespaces.set(.present, at: path)
            await look(after: .seconds(5), at: node)
            node.namespaces.set(.missing, at: path)
            await look(after: .seconds(5), at: node)
            await look(after: .seconds(59), at: node)
            #expect(node.states == ["running"])
            await look(after: .seconds(1), at: node)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("does not include one whose shim is connected, or one that is being started")
    func atWork() async throws {
        let (connected, starting) = ("/run/netns/cni-1", "/run/netns/cni-2")
        let node = Node()
        let signal = Event()
        try await node.run { supervisor in
            let running = try request("a", networkNamespace: connected)
            _ = try await supervisor.create(running)
            try await supervisor.start(running.id)
            let slow = try request("b", pod: "slow", networkNamespace: starting)
            _ = try await supervisor.create(slow)
            node.cloud.creation.append(.wait(signal))
            async let start: Void = supervisor.start(slow.id)
            await node.cloud.calls.reached(.create, 2)
            node.namespaces.set(.missing, at: connected)
            node.namespaces.set(.missing, at: starting)
            for _ in 0..<5 {
                // As a connection that stays open tells.
                node.connector.setLastUse(node.clock.now.advanced(by: .seconds(100)))
                await look(after: .seconds(100), at: node)
            }
            #expect(node.states == ["running", "creating"])
            signal.set()
            try await start
        }
    }

    @Test("is not stopped when a start has come while the stop waited for its turn")
    func lateStart() async throws {
        let node = Node()
        let signal = Event()
        try await node.run { supervisor in
            let request = try request("a", networkNamespace: path)
            _ = try await supervisor.create(request)
            node.namespaces.set(.missing, at: path)
            await look(after: .zero, at: node)
            let begun = node.store.operations[.began]
            node.store.hold(until: signal)
            async let start: Void = supervisor.start(request.id)
            await node.store.operations.reached(.began, begun + 1)
            async let stop: Void = look(after: .seconds(60), at: node)
            // The check has found the sandbox once the metric counts it.
            while !node.metrics.render().contains("peerpods_abandoned_sandboxes_total 1") { await Task.yield() }
            signal.set()
            await stop
            try await start
            #expect(node.states == ["running"])
        }
    }

    @Test("does not include one without a namespace, which stays, as CreateVM logs")
    func withoutNamespace() async throws {
        let log = LineRecorder()
        let node = Node(logger: log.logger)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
            for _ in 0..<3 { await look(after: .seconds(3600), at: node) }
        }
        #expect(node.states == ["running"])
        #expect(log.lines.contains { $0.contains("no network namespace") && $0.contains("only StopVM removes it") })
    }

    @Test("is stopped ten seconds after a restart", arguments: [true, false])
    func restart(isStarted: Bool) async throws {
        let first = Node()
        let request = try request("a", networkNamespace: path)
        try await first.run { supervisor in
            _ = try await supervisor.create(request)
            if isStarted { try await supervisor.start(request.id) }
        }
        let next = Node(store: first.store, cloud: first.cloud)
        next.namespaces.set(.missing, at: path)
        try await next.run { supervisor in
            await look(after: .zero, at: next)
            await look(after: .seconds(9), at: next)
            #expect(next.states == [isStarted ? "running" : "prepared"])
            await look(after: .seconds(1), at: next)
            await next.settled()
            next.expectNothingLeft()
        }
    }

    @Test("is stopped after the whole timeout after a restart that its shim survives")
    func survivedRestart() async throws {
        let first = Node(callersSurvive: true)
        let request = try request("a", networkNamespace: path)
        try await first.run { supervisor in _ = try await supervisor.create(request) }
        let next = Node(store: first.store, cloud: first.cloud, callersSurvive: true)
        next.namespaces.set(.missing, at: path)
        try await next.run { supervisor in
            await look(after: .zero, at: next)
            await look(after: .seconds(59), at: next)
            #expect(next.states == ["prepared"])
            await look(after: .seconds(1), at: next)
            await next.settled()
            next.expectNothingLeft()
        }
    }

    @Test("stays when the timeout is zero")
    func never() async throws {
        let node = Node(abandonedTimeout: .zero)
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a", networkNamespace: path))
            node.namespaces.set(.missing, at: path)
            for _ in 0..<3 { await look(after: .seconds(3600), at: node) }
        }
        #expect(node.states == ["prepared"])
    }

    @Test("is searched for at intervals")
    func loop() async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a", networkNamespace: path))
            node.namespaces.set(.missing, at: path)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await supervisor.stopAbandoned() }
                for look in 1...13 {
                    await node.clock.slept(look)
                    #expect(node.states == ["prepared"])
                    node.clock.advance(by: .seconds(5))
                }
                await node.clock.slept(14)
                await node.settled()
                group.cancelAll()
            }
            node.expectNothingLeft()
        }
        #expect(node.clock.naps.allSatisfy { $0 == .seconds(5) })
    }
}

@Suite("The end of the process")
struct ShutdownTests {
    @Test("cancels starts in progress, refuses new sandboxes, and still stops sandboxes")
    func shutdown() async throws {
        let node = Node()
        node.cloud.creation.append(.wait(Event()))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            _ = try await supervisor.create(request("b", pod: "other"))
            async let start = failure { try await supervisor.start(request("a").id) }
            await node.cloud.calls.reached(.create)
            supervisor.refuseStarts()
            #expect(await start?.code == .cancelled)
            for refused in [
                await failure { _ = try await supervisor.create(request("c", pod: "third")) },
                await failure { try await supervisor.start(request("b").id) },
            ] {
                #expect(refused?.code == .unavailable)
                #expect(refused?.message.contains("adaptor is stopping") == true)
            }
            try await supervisor.stop("b")
            await node.settled()
            node.expectNothingLeft()
        }
    }
}
