import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@Suite("StartVM")
struct StartTests {
    let id: SandboxID
    let vm: InstanceID

    init() throws {
        id = try request("a").id
        vm = VMName.make(pod: "nginx", sandbox: id)
    }

    /// A node with one sandbox that is prepared, for as long as `body` takes.
    private func run(
        _ node: Node, _ body: @escaping @Sendable (SandboxSupervisor) async throws -> Void
    ) async throws {
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await body(supervisor)
        }
    }

    @Test("creates the VM, connects, and records each step before it starts")
    func good() async throws {
        let node = Node()
        try await run(node) { try await $0.start(id) }
        #expect(node.states == ["running"])
        #expect(node.store.writes == ["preparing", "prepared", "creating", "booting", "running"])
        #expect(node.cloud.machines == [vm])
        #expect(node.connector.connected == [id])
        #expect(node.supervisor.sandboxes().first?.address == "10.0.0.4")
    }

    @Test("tags the VM with everything that identifies its owner")
    func tags() async throws {
        let node = Node()
        try await run(node) { try await $0.start(id) }
        let spec = try #require(node.cloud.created.first)
        #expect(spec.name == vm)
        #expect(spec.userData == "I2Nsb3VkLWNvbmZpZw==")
        #expect(
            spec.tags == [
                "team": "blue", InstanceTags.cluster: "test", InstanceTags.node: "node-1", InstanceTags.sandbox: "a",
                InstanceTags.pod: "nginx", InstanceTags.namespace: "default", InstanceTags.created: "1767225600",
            ])
    }

    @Test("does not wait for the end of the cloud's operation")
    func beforeProvisioned() async throws {
        let node = Node()
        node.cloud.provisioning.append(.wait(Event()))
        try await run(node) { try await $0.start(id) }
        #expect(node.states == ["running"])
    }

    @Test("continues to dial when the cloud's operation ends first")
    func provisionedFirst() async throws {
        let node = Node()
        let agentIsUp = Event()
        node.connector.connection.append(.wait(agentIsUp))
        try await run(node) { supervisor in
            async let started: Void = supervisor.start(id)
            await node.connector.calls.reached(.connect)
            await node.cloud.calls.reached(.provision)
            agentIsUp.set()
            try await started
        }
        #expect(node.states == ["running"])
    }

    @Test("ends at once with the reason when the VM stops while it is dialed")
    func stopsWhileDialled() async throws {
        let node = Node()
        node.connector.connection.append(.wait(Event()))
        node.cloud.watching.append(
            .fail(ProviderError(.operationFailed, .giveUp, during: "await the agent", "PowerState/stopped")))
        try await run(node) { supervisor in
            let error = await #expect(throws: LifecycleError.self) { try await supervisor.start(id) }
            #expect(
                error?.message.contains("did not come up: await the agent: operation failed: PowerState/stopped")
                    == true)
        }
        #expect(node.cloud.calls[.create] == 1)
    }

    @Test("records a VM that the provider replaced before the provider continues, and then dials the new VM")
    func replaced() async throws {
        let node = Node()
        node.cloud.replacing.withLock { $0 = [.outOfCapacity] }
        node.cloud.provisioning.append(
            .fail(ProviderError(.outOfCapacity, .retry(after: .zero), during: "poll", "ZonalAllocationFailed")))
        node.connector.connection.append(.wait(Event()))
        // The write of `creating` after `booting`: preparing, prepared, creating and booting pass.
        let canWrite = Event()
        node.store.hold(until: canWrite, passing: 4)
        try await run(node) { supervisor in
            async let started: Void = supervisor.start(id)
            await node.store.operations.reached(.began, 5)
            #expect(node.cloud.calls[.create] == 1, "the cloud gets no request before the step is on disk")
            canWrite.set()
            try await started
        }
        #expect(node.states == ["running"])
        #expect(node.cloud.calls[.create] == 2)
        #expect(
            node.store.writes == ["preparing", "prepared", "creating", "booting", "creating", "booting", "running"])
    }

    @Test("lets the provider decide how often the VM is replaced, and requests no VM after a failure")
    func failedForGood() async throws {
        for replacements in [0, 1, 8] {
            let node = Node()
            node.cloud.replacing.withLock { $0 = [.operationFailed] }
            for _ in 0..<replacements {
                node.cloud.provisioning.append(
                    .fail(ProviderError(.operationFailed, .retry(after: .zero), during: "poll", "none here")))
                node.connector.connection.append(.wait(Event()))
            }
            node.cloud.provisioning.append(
                .fail(ProviderError(.outOfCapacity, .retry(after: .zero), during: "poll", "none")))
            node.connector.connection.append(.wait(Event()))
            try await run(node) { supervisor in
                #expect(await failure { try await supervisor.start(id) }?.code == .resourceExhausted)
            }
            #expect(node.cloud.calls[.create] == replacements + 1)
        }
    }

    @Test("refuses an unknown sandbox")
    func unknown() async throws {
        let node = Node()
        try await node.run { supervisor in
            #expect(await failure { try await supervisor.start(id) }?.code == .notFound)
        }
        #expect(node.cloud.calls[.create] == 0)
    }

    /// What can go wrong, and how it is told.
    struct Trouble: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let code: LifecycleError.Code
        let words: String
        let script: @Sendable (Node) -> Void
    }

    static let troubles = [
        Trouble(
            testDescription: "the cloud refuses", code: .resourceExhausted, words: "QuotaExceeded: 0 of 8 cores left",
            script: { $0.cloud.creation.append(.fail(.quota)) }),
        Trouble(
            testDescription: "the cloud accepts, and its answer is lost", code: .unavailable, words: "not created",
            script: { $0.cloud.creation.append(.workAndFail(.unreachable)) }),
        Trouble(
            testDescription: "the cloud's operation fails later", code: .internal, words: "AllocationFailed",
            script: { node in
                let failed = ProviderError(.operationFailed, .giveUp, during: "poll", "AllocationFailed")
                node.cloud.provisioning.append(.fail(failed))
                node.connector.connection.append(.wait(Event()))
            }),
        Trouble(
            testDescription: "the boot document is gone", code: .internal, words: "no such document",
            script: { $0.connector.document.append(.fail(ConnectorError(.failed, "no such document"))) }),
        Trouble(
            testDescription: "the agent does not serve", code: .failedPrecondition, words: "NOT_SERVING",
            script: {
                $0.connector.connection.append(.fail(ConnectorError(.refused, "the agent says NOT_SERVING")))
                $0.cloud.provisioning.append(.wait(Event()))
            }),
        Trouble(
            testDescription: "the disk is full before the cloud is asked", code: .resourceExhausted, words: "No space",
            script: { $0.store.fail(with: .full, after: 2) }),
        Trouble(
            testDescription: "the disk is full when the VM is there", code: .resourceExhausted, words: "No space",
            script: { $0.store.fail(with: .full, after: 3) }),
        Trouble(
            testDescription: "the disk is full when the agent answers", code: .resourceExhausted, words: "No space",
            script: { $0.store.fail(with: .full, after: 4) }),
    ]

    @Test("deletes the VM, leaves nothing and reports the reason, for every kind of failure", arguments: troubles)
    func trouble(_ trouble: Trouble) async throws {
        let node = Node()
        trouble.script(node)
        try await run(node) { supervisor in
            let error = await failure { try await supervisor.start(id) }
            #expect(error?.code == trouble.code)
            #expect(error?.message.contains(trouble.words) == true, "\(error as Any)")
            if error?.message.contains(vm.rawValue) == true {
                #expect(error?.message.contains("is being deleted") == true, "\(error as Any)")
            } else {
                // It was never recorded that the cloud would be asked, so it was not asked.
                #expect(node.cloud.calls[.create] == 0)
                #expect(node.states == ["prepared"])
                node.store.fail(with: nil)
                try await supervisor.stop("a")
            }
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("gives up when the agent has not answered in time, with the error of the last try")
    func timeout() async throws {
        let node = Node()
        node.connector.connection.append(.wait(Event()))
        node.cloud.provisioning.append(.wait(Event()))
        try await run(node) { supervisor in
            let call = Task { await failure { try await supervisor.start(id) } }
            await node.clock.slept(1)
            #expect(node.clock.naps == [.seconds(300)])
            node.clock.advance(by: .seconds(299))
            #expect(node.states == ["booting"])
            node.clock.advance(by: .seconds(1))
            let error = await call.value
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.message.contains("10.0.0.4 did not answer within 300 s") == true, "\(error as Any)")
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("uses a changed timeout for the next wait, and keeps the old one for a wait that has begun")
    func changedTimeout() async throws {
        let node = Node()
        node.connector.connection.append(.wait(Event()))
        node.cloud.provisioning.append(.wait(Event()))
        node.proxyTimeout.change(to: .seconds(420))
        try await run(node) { supervisor in
            let call = Task { await failure { try await supervisor.start(id) } }
            await node.clock.slept(1)
            #expect(node.clock.naps == [.seconds(420)])
            node.proxyTimeout.change(to: .seconds(1))
            node.clock.advance(by: .seconds(419))
            #expect(node.states == ["booting"])
            node.clock.advance(by: .seconds(1))
            #expect(await call.value?.message.contains("did not answer within 420 s") == true)
            await node.settled()
        }
    }

    /// Where a start can be when something comes in between.
    enum Phase: String, CaseIterable, Sendable {
        case document, creation, connection

        /// Holds the start there until it is called off.
        func hold(_ node: Node) async {
            switch self {
            case .document: node.connector.document.append(.wait(Event()))
            case .creation: node.cloud.creation.append(.wait(Event()))
            case .connection:
                node.connector.connection.append(.wait(Event()))
                node.cloud.provisioning.append(.wait(Event()))
            }
        }

        func reached(_ node: Node) async {
            switch self {
            case .document: await node.connector.calls.reached(.userData)
            case .creation: await node.cloud.calls.reached(.create)
            case .connection: await node.connector.calls.reached(.connect)
            }
        }
    }

    @Test("deletes its VM when its caller closes the connection", arguments: Phase.allCases)
    func hangUp(phase: Phase) async throws {
        let node = Node()
        await phase.hold(node)
        try await run(node) { supervisor in
            let call = Task { await failure { try await supervisor.start(id) } }
            await phase.reached(node)
            call.cancel()
            let error = await call.value
            #expect(error?.code == .cancelled)
            #expect(error?.message.contains("hung up") == true)
            await node.settled()
            #expect(node.cloud.deleted == [vm])
            node.expectNothingLeft()
        }
    }

    @Test("is cancelled by a stop, which does not wait for it", arguments: Phase.allCases)
    func stop(phase: Phase) async throws {
        let node = Node()
        await phase.hold(node)
        try await run(node) { supervisor in
            let call = Task { await failure { try await supervisor.start(id) } }
            await phase.reached(node)
            try await supervisor.stop("a")
            let error = await call.value
            #expect(error?.code == .cancelled)
            #expect(error?.message.contains("stopped") == true)
            await node.settled()
            #expect(node.cloud.deleted == [vm])
            node.expectNothingLeft()
        }
    }

    @Test("deletes the VM only after the end of a creation that ignores its cancellation")
    func stubbornCreation() async throws {
        let node = Node()
        let answer = Event()
        node.cloud.creation.append(.waitStubbornly(answer))
        try await run(node) { supervisor in
            let call = Task { await failure { try await supervisor.start(id) } }
            await node.cloud.calls.reached(.create)
            try await supervisor.stop("a")
            #expect(node.states == ["deleting"])
            #expect(node.cloud.calls[.delete] == 0)
            #expect(node.store.writes.last == "deleting", "a crash here must still end in a deletion")
            answer.set()
            #expect(await call.value?.code == .cancelled)
            await node.settled()
            #expect(node.cloud.created.count == 1)
            node.expectNothingLeft()
        }
    }

    @Test("is undone by a stop that arrives together with the agent's answer")
    func stopAtTheEnd() async throws {
        let node = Node()
        let answer = Event()
        node.connector.connection.append(.waitStubbornly(answer))
        try await run(node) { supervisor in
            let call = Task { await failure { try await supervisor.start(id) } }
            await node.connector.calls.reached(.connect)
            try await supervisor.stop("a")
            answer.set()
            #expect(await call.value?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("deletes its VM when its caller closes the connection just before the agent answers")
    func hangUpAtTheEnd() async throws {
        let node = Node()
        let answer = Event()
        node.connector.connection.append(.waitStubbornly(answer))
        try await run(node) { supervisor in
            let call = Task { await failure { try await supervisor.start(id) } }
            await node.connector.calls.reached(.connect)
            call.cancel()
            answer.set()
            #expect(await call.value?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("cannot be repeated after it failed")
    func afterFailure() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.creation.append(.fail(.quota))
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await run(node) { supervisor in
            _ = await failure { try await supervisor.start(id) }
            #expect(await failure { try await supervisor.start(id) }?.code == .failedPrecondition)
            cloudIsBack.set()
            await node.settled()
            #expect(await failure { try await supervisor.start(id) }?.code == .notFound)
        }
    }
}
