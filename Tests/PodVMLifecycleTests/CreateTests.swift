import Doubles
import LinuxIO
import PodVMLifecycle
import Testing

@Suite("CreateVM")
struct CreateTests {
    @Test("prepares everything that needs no cloud, and answers with the path of the agent's socket")
    func good() async throws {
        let node = Node()
        try await node.run { supervisor in
            let socket = try await supervisor.create(request("a"))
            #expect(socket == "/memory/a/agent.ttrpc")
        }
        #expect(node.states == ["prepared"])
        #expect(node.store.writes == ["preparing", "prepared"])
        #expect(node.cloud.calls[.create] == 0)
        #expect(node.supervisor.sandboxes().first?.vm == VMName.make(pod: "nginx", sandbox: try request("a").id))
    }

    struct BadRequest: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let change: @Sendable (inout SandboxRequest) -> Void
        init(_ what: String, _ change: @escaping @Sendable (inout SandboxRequest) -> Void) {
            testDescription = what
            self.change = change
        }
    }

    @Test(
        "refuses an invalid request with a sentence, and keeps nothing of it",
        arguments: [
            BadRequest("pod name") { $0.podName = "" },
            BadRequest("pod namespace") { $0.podNamespace = "" },
            BadRequest("pod name") { $0.podName = String(repeating: "x", count: 254) },
            BadRequest("control characters") { $0.podName = "a\u{1b}[2J" },
            BadRequest("network namespace") { $0.networkNamespacePath = "run/netns/x" },
            BadRequest("network namespace") { $0.networkNamespacePath = "/run/\0x" },
            BadRequest("network namespace") { $0.networkNamespacePath = "/" + String(repeating: "x", count: 5000) },
            BadRequest("namespace is not an absolute path") { $0.networkNamespacePath = "netns" },
            BadRequest("namespace is not an absolute path of") { $0.networkNamespacePath = "/a\0b" },
            BadRequest("namespace /nowhere/netns does not exist") { $0.networkNamespacePath = "/nowhere/netns" },
            BadRequest("namespace /tmp is a directory") { $0.networkNamespacePath = "/tmp" },
            BadRequest("machine type") { $0.requirements.machineType = "a\nb" },
            BadRequest("image") { $0.requirements.image = "" },
            BadRequest("vCPUs") { $0.requirements.vcpus = 0 },
            BadRequest("memory") { $0.requirements.memoryMiB = -1 },
        ])
    func bad(what: BadRequest) async throws {
        let node = Node()
        node.namespaces.set(.missing, at: "/nowhere/netns")
        node.namespaces.set(.directory, at: "/tmp")
        try await node.run { supervisor in
            var wanted = try request("a")
            what.change(&wanted)
            let error = await failure { [wanted] in _ = try await supervisor.create(wanted) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains(what.testDescription) == true, "\(error as Any)")
        }
        node.expectNothingLeft()
        #expect(node.connector.calls[.prepare] == 0)
    }

    @Test("refuses what the cloud does not permit, before anything is prepared, and keeps nothing of it")
    func notPermitted() async throws {
        let node = Node()
        node.cloud.refusal.withLock {
            $0 = ProviderError(.rejected, .giveUp, during: "check the pod's image", "the image \"x\" is not permitted.")
        }
        try await node.run { supervisor in
            let error = await failure { _ = try await supervisor.create(try request("a")) }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("the image \"x\" is not permitted") == true, "\(error as Any)")
            #expect(error?.message.contains("Nothing was asked of the cloud") == true)
        }
        node.expectNothingLeft()
        #expect(node.connector.calls[.prepare] == 0)
    }

    @Test("refuses an id whose agent socket has too long a path, before there is a VM")
    func longSocketPath() async throws {
        let node = Node()
        try await node.run { supervisor in
            // "/memory/" and "/agent.ttrpc" make 20 of 107 bytes.
            _ = try await supervisor.create(request(String(repeating: "a", count: 87), pod: "fits"))
            let error = await failure {
                _ = try await supervisor.create(request(String(repeating: "b", count: 88)))
            }
            #expect(error?.code == .invalidArgument)
            #expect(error?.message.contains("-pods-dir") == true)
        }
        #expect(node.states == ["prepared"])
    }

    @Test("refuses a second sandbox of the same id without a change to the first")
    func duplicate() async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            let error = await failure { _ = try await supervisor.create(request("a", pod: "other")) }
            #expect(error?.code == .alreadyExists)
            #expect(node.connector.calls[.prepare] == 1)
            #expect(node.connector.prepared.count == 1)
            try await supervisor.start(request("a").id)
            #expect(await failure { _ = try await supervisor.create(request("a")) }?.code == .alreadyExists)
        }
        #expect(node.states == ["running"])
        #expect(node.supervisor.sandboxes().first?.podName == "nginx")
    }

    @Test("refuses a sandbox whose VM would have the name of another's")
    func sameVMName() async throws {
        let node = Node()
        try await node.run { supervisor in
            _ = try await supervisor.create(request("0a1b2c3d00"))
            let error = await failure { _ = try await supervisor.create(request("0a1b2c3d01")) }
            #expect(error?.code == .alreadyExists)
            #expect(error?.message.contains("podvm-nginx-0a1b2c3d") == true)
            _ = try await supervisor.create(request("0a1b2c3d01", pod: "other"))
        }
        #expect(node.states == ["prepared", "prepared"])
    }

    @Test("refuses an id that is being deleted, with advice")
    func duringDeletion() async throws {
        let node = Node()
        let cloudIsBack = Event()
        node.cloud.deletion.append(.wait(cloudIsBack))
        try await node.run { supervisor in
            _ = try await supervisor.create(request("a"))
            try await supervisor.start(request("a").id)
            try await supervisor.stop("a")
            let error = await failure { _ = try await supervisor.create(request("a")) }
            #expect(error?.code == .failedPrecondition)
            #expect(error?.message.contains("being deleted") == true)
            cloudIsBack.set()
            await node.settled()
            _ = try await supervisor.create(request("a"))
        }
        #expect(node.states == ["prepared"])
    }

    @Test("leaves nothing when the connector refuses")
    func connectorRefuses() async throws {
        let node = Node()
        node.connector.preparation.append(.workAndFail(ConnectorError(.invalidRequest, "the pod has no address")))
        try await node.run { supervisor in
            let error = await failure { _ = try await supervisor.create(request("a")) }
            #expect(error?.code == .invalidArgument)
            #expect(
                error?.message.hasSuffix("the pod has no address. Nothing was asked of the cloud.") == true,
                "\(error as Any)")
            node.expectNothingLeft()
        }
        #expect(node.cloud.calls[.delete] == 0)
    }

    @Test("leaves nothing when its caller closes the connection")
    func hangUp() async throws {
        let node = Node()
        node.connector.preparation.append(.wait(Event()))
        try await node.run { supervisor in
            let call = Task { await failure { _ = try await supervisor.create(request("a")) } }
            await node.connector.calls.reached(.prepare)
            call.cancel()
            #expect(await call.value?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("begins nothing when its caller has closed the connection before it begins, for example after StopVM")
    func cancelledBefore() async throws {
        let node = Node()
        try await node.run { supervisor in
            let begins = Event()
            let call = Task { () -> LifecycleError? in
                await begins.waitIgnoringCancellation()
                return await failure { _ = try await supervisor.create(try request("a")) }
            }
            call.cancel()
            try await supervisor.stop("a")
            begins.set()
            let error = await call.value
            #expect(error?.code == .cancelled)
        }
        #expect(node.store.writes.isEmpty)
        node.expectNothingLeft()
    }

    @Test("leaves nothing when its caller has closed the connection before the answer")
    func lateHangUp() async throws {
        let node = Node()
        let ready = Event()
        node.connector.preparation.append(.waitStubbornly(ready))
        try await node.run { supervisor in
            let call = Task { await failure { _ = try await supervisor.create(request("a")) } }
            await node.connector.calls.reached(.prepare)
            call.cancel()
            ready.set()
            #expect(await call.value?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("is cancelled by a stop")
    func stopped() async throws {
        let node = Node()
        node.connector.preparation.append(.wait(Event()))
        try await node.run { supervisor in
            let call = Task { await failure { _ = try await supervisor.create(request("a")) } }
            await node.connector.calls.reached(.prepare)
            try await supervisor.stop("a")
            #expect(await call.value?.code == .cancelled)
            await node.settled()
            node.expectNothingLeft()
        }
    }

    @Test("reports when the disk is full or write-protected, and leaves nothing incomplete", arguments: 0...2)
    func disk(writes: Int) async throws {
        for (fault, code) in [(MemoryStore.Fault.full, LifecycleError.Code.resourceExhausted), (.readOnly, .internal)] {
            let node = Node()
            node.store.fail(with: fault, after: writes)
            try await node.run { supervisor in
                let error = await failure { _ = try await supervisor.create(request("a")) }
                guard writes < 2 else {
                    #expect(error == nil)
                    return
                }
                #expect(error?.code == code)
                #expect(error?.message.contains(fault == .full ? "No space left" : "Read-only") == true)
                node.store.fail(with: nil)
                node.clock.advance(by: .seconds(60))
                await node.settled()
                node.expectNothingLeft()
            }
        }
    }
}
