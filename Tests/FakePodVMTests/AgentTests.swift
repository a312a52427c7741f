import KataProtocol
import LinuxIO
import TTRPC
import Testing

@testable import FakeAgent

@Suite struct AgentTests {
    @Test("answers health checks with SERVING or NOT_SERVING")
    func health() async throws {
        try await AgentFixture.run { agent in
            let health = try await agent.call(AgentService.check, .init())
            #expect(health.status == HealthCheckResponse.serving)
            let version = try await agent.call(AgentService.version, .init())
            #expect(version.agentVersion.contains("no isolation"))
        }
        try await AgentFixture.run(AgentFaults(isNotServing: true)) { agent in
            let health = try await agent.call(AgentService.check, .init())
            #expect(health.status == HealthCheckResponse.notServing)
        }
    }

    @Test("says that it is a stand-in")
    func details() async throws {
        try await AgentFixture.run { agent in
            let details = try await agent.call(AgentService.getGuestDetails, .init())
            #expect(details.agent?.version.contains("stand-in") == true)
        }
    }

    @Test("answers UNIMPLEMENTED to other methods", arguments: ["PauseContainer", "AddSwap", "Nonsense"])
    func unimplemented(method: String) async throws {
        try await AgentFixture.run { agent in
            let status = await #expect(throws: Status.self) {
                _ = try await agent.client.call(AgentService.service, method, [])
            }
            #expect(status?.code == .unimplemented)
        }
    }

    @Test("refuses ids of containers and processes that do not exist")
    func unknown() async throws {
        try await AgentFixture.run { agent in
            let container = await agent.failure(of: AgentService.startContainer, .with { $0.containerID = "x" })
            #expect(container == Status(.notFound, "Invalid container id"))
            try await agent.start(["sleep", "1000"])
            let process = await agent.failure(of: AgentService.waitProcess, .process("c1", "x"))
            #expect(process == Status(.notFound, "Invalid exec id"))
            let twice = await agent.failure(of: AgentService.createContainer, agent.create(["true"]))
            #expect(twice?.code == .alreadyExists)
        }
    }

    @Test("kills all processes of a container at its removal")
    func removal() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["sh", "-c", "sleep 1000 & echo $!; exec sleep 1000"])
            let text = String(decoding: try #require(try await agent.read()), as: UTF8.self)
            let background = try #require(Int32(text.dropLast()))
            #expect(ProcessTree.isAlive(background))
            async let status = agent.wait()
            _ = try await agent.call(AgentService.removeContainer, .with { $0.containerID = "c1" })
            #expect(try await status == 137)
            // Its parent is not a process of the test, because tests are not subreapers.
            while ProcessTree.isAlive(background) { try await agent.loop.sleep(for: .milliseconds(1)) }
            #expect(await agent.failure(of: AgentService.waitProcess, .process("c1", "c1"))?.code == .notFound)
            try await agent.start(["true"])
            #expect(try await agent.wait() == 0)
        }
    }

    @Test("kills all containers with the sandbox")
    func sandbox() async throws {
        try await AgentFixture.run { agent in
            _ = try await agent.call(AgentService.createSandbox, .with { $0.sandboxID = "s1" })
            for id in ["c1", "c2"] { try await agent.start(["sleep", "1000"], id: id) }
            async let first = agent.wait("c1", id: "c1")
            async let second = agent.wait("c2", id: "c2")
            _ = try await agent.call(AgentService.destroySandbox, Empty())
            #expect(try await [first, second] == [137, 137])
        }
    }

    @Test("reports the resource usage of a container")
    func stats() async throws {
        try await AgentFixture.run { agent in
            try await agent.start(["sleep", "1000"])
            let stats = try await agent.call(AgentService.statsContainer, .with { $0.containerID = "c1" })
            #expect(stats.cgroup?.pids?.current == 1)
            #expect((stats.cgroup?.memory?.usage?.usage ?? 0) > 0)
        }
    }

    @Test("keeps interfaces and routes")
    func network() async throws {
        try await AgentFixture.run { agent in
            let interface = NetworkInterface.with {
                $0.name = "eth0"
                $0.hardwareAddress = "02:00:00:00:00:01"
            }
            let updated = try await agent.call(AgentService.updateInterface, .with { $0.interface = interface })
            #expect(updated == interface)
            let routes = Routes.with { $0.routes = [.with { $0.gateway = "10.0.0.1" }] }
            let replaced = try await agent.call(AgentService.updateRoutes, .with { $0.routes = routes })
            #expect(replaced == routes)
            let interfaces = try await agent.call(AgentService.listInterfaces, Empty()).interfaces
            #expect(interfaces == [interface])
            let listed = try await agent.call(AgentService.listRoutes, Empty())
            #expect(listed == routes)
        }
    }

    @Test("accepts calls that need no action")
    func accepted() async throws {
        try await AgentFixture.run { agent in
            _ = try await agent.call(AgentService.setPolicy, .with { $0.policy = "package agent_policy" })
            _ = try await agent.call(AgentService.setGuestDateTime, .with { $0.seconds = 1 })
            _ = try await agent.call(AgentService.onlineCPUMem, .init())
            _ = try await agent.call(AgentService.reseedRandomDev, .with { $0.data = [1, 2, 3] })
            let metrics = try await agent.call(AgentService.getMetrics, Empty()).metrics
            #expect(metrics.contains("containers 0"))
            let usage = try await agent.call(AgentService.getVolumeStats, .with { $0.path = "/tmp" }).usage
            #expect(usage.map(\.unit) == [1, 2] && usage[0].total > 0)
        }
    }

    @Test("reports no lack of memory, and lets the caller cancel the wait")
    func outOfMemory() async throws {
        try await AgentFixture.run { agent in
            let waiting = Task(executorPreference: agent.loop) {
                try await agent.call(AgentService.getOOMEvent, Empty())
            }
            let health = try await agent.call(AgentService.check, .init())
            #expect(health.status == HealthCheckResponse.serving)
            waiting.cancel()
            await #expect(throws: (any Error).self) { try await waiting.value }
        }
    }
}
