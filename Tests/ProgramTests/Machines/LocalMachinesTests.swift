import KataProtocol
import LinuxIO
import TTRPC
import Telemetry
import TestSupport
import Testing

@testable import FakeCloud

@Suite(.enabled(if: MachineFixture.isBuilt, "fake-pod-vm is not built: run swift build first"))
struct LocalMachinesTests {
    @Test("boots a machine that reports that it is provisioned and runs its programs")
    func boots() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            #expect(machines.status(of: "podvm-a") == nil)
            try await fixture.powerOn("podvm-a", in: machines)
            try await fixture.awaitRunning("podvm-a", in: machines)
            let directory = machines.directoryOf("podvm-a")
            try await fixture.eventually("three programs run") { fixture.processes(of: directory).count == 3 }
            #expect(Files.permissions(directory.record) == 0o600)
            let provisioned = try DurableFile.read(directory.guest + "/peerpod/apf.json", limit: 100)
            #expect(String(decoding: provisioned, as: UTF8.self) == "http://127.0.0.1:1/imds/x")
            #expect(try machines.names() == ["podvm-a"])
        }
    }

    @Test("finds the same machine at a second power-on, also from a later process")
    func idempotent() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            let address = try await fixture.powerOn("podvm-a", in: machines)
            try await fixture.powerOn("podvm-a", in: machines)
            let first = try fixture.firstProcess(of: machines.directoryOf("podvm-a"))
            let later = try fixture.machines()
            #expect(try await fixture.powerOn("podvm-a", in: later) == address)
            #expect(try later.names() == ["podvm-a"])
            #expect(try fixture.firstProcess(of: later.directoryOf("podvm-a")) == first)
            try await fixture.awaitRunning("podvm-a", in: later)
        }
    }

    @Test("powers on a machine that was recorded but not started before a crash")
    func interrupted() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            let directory = machines.directoryOf("podvm-a")
            try Files.makeDirectories(directory.path)
            let record = MachineRecord(
                MachineSpec(name: "podvm-a"), address: "127.20.0.9", port: 15150, created: .now,
                forwarder: fixture.root + "/bin/agent-protocol-forwarder")
            try Files.write(record.encoded, to: directory.record, at: 0)
            let later = try fixture.machines()
            #expect(try await fixture.powerOn("podvm-a", in: later) == "127.20.0.9")
            try await fixture.awaitRunning("podvm-a", in: later)
        }
    }

    @Test("removes the remains of a machine whose creation or removal was interrupted")
    func leftovers() async throws {
        try await MachineFixture.run { fixture in
            for directory in [".new-abc", "podvm-half"] {
                try Files.makeDirectories("\(fixture.directory)/\(directory)/run")
                try Files.write("x".utf8, to: "\(fixture.directory)/\(directory)/status", at: 0)
            }
            #expect(try fixture.machines().names().isEmpty)
            #expect(try Files.list(fixture.directory).isEmpty)
        }
    }

    @Test("the removal of a machine that does not exist, or cannot exist, succeeds")
    func removesNothing() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            for name in ["podvm-unknown", "", "../machines", "/", "podvm-\0", String(repeating: "a", count: 200)] {
                try await machines.remove(name)
                #expect(machines.status(of: name) == nil)
            }
            try await fixture.powerOn("podvm-a", in: machines)
            try await machines.remove("podvm-a")
            try await machines.remove("podvm-a")
        }
    }

    @Test("an address that was reserved and not used is free after the removal of its machine")
    func releases() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            let address = try await machines.reserveAddress(for: "podvm-a")
            #expect(try await machines.reserveAddress(for: "podvm-a") == address)
            #expect(try await machines.reserveAddress(for: "podvm-b") != address)
            try await machines.remove("podvm-a")
            #expect(try await machines.reserveAddress(for: "podvm-a") == address)
        }
    }

    @Test("refuses names that no machine can have", arguments: ["", "..", "../x", "a/b", "A", "a\0", "podvm_a"])
    func badName(name: String) async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            await #expect(throws: MachineError.self) { try await machines.reserveAddress(for: name) }
            let spec = MachineSpec(name: name)
            await #expect(throws: MachineError.self) { try await machines.powerOn(spec, at: "127.20.0.1") }
            #expect(try Files.list(fixture.directory).isEmpty)
        }
    }

    @Test("creates twenty machines at once, each with its own address, and leaves none")
    func many() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            let names = (0..<20).map { "podvm-\($0)" }
            let addresses = try await withThrowingTaskGroup(of: String.self) { group in
                for name in names { group.addTask { try await fixture.powerOn(name, in: machines) } }
                return try await group.reduce(into: Set()) { $0.insert($1) }
            }
            #expect(addresses.count == 20)
            for name in names { try await fixture.awaitRunning(name, in: machines) }
            let processes = names.flatMap { fixture.processes(of: machines.directoryOf($0)) }
            #expect(processes.count >= 20)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for name in names { group.addTask { try await machines.remove(name) } }
                try await group.waitForAll()
            }
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
            #expect(try Files.list(fixture.directory).isEmpty)
        }
    }

    @Test("does not start without its programs, and names the missing one")
    func programsMissing() async throws {
        try await MachineFixture.run { fixture in
            let error = #expect(throws: MachineError.self) {
                try fixture.machines { $0.programsDirectory = fixture.root }
            }
            #expect(error?.reason.contains("fake-pod-vm") == true)
        }
    }
}

@Suite(.enabled(if: MachineFixture.isBuilt, "fake-pod-vm is not built: run swift build first"))
struct MachinePowerTests {
    @Test("removes a machine with all its descendants and its directory")
    func removes() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines)
            let processes = try await bootAndDaemonise(machines, fixture)
            try await machines.remove("podvm-a")
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
            #expect(!Files.exists(machines.directoryOf("podvm-a").path))
            #expect(try machines.names().isEmpty)
        }
    }

    @Test("removes a machine by its directory alone, after its creator was killed")
    func removesAfterCrash() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines)
            let processes = try await bootAndDaemonise(machines, fixture)
            let later = try fixture.machines()
            try await later.remove("podvm-a")
            // The lock, for which the removal waits, is released a moment before the process ends.
            try await eventually(on: fixture.loop) { processes.filter(ProcessTree.isAlive).isEmpty }
            #expect(!Files.exists(later.directoryOf("podvm-a").path))
            // Its parent in this test still has to reap it.
            try await machines.remove("podvm-a")
        }
    }

    @Test("no program outlives a first process that was killed")
    func firstProcessKilled() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines)
            let processes = try await bootAndDaemonise(machines, fixture)
            ProcessTree.signal(try fixture.firstProcess(of: machines.directoryOf("podvm-a")), Signals.kill)
            try await fixture.eventually("all have died") { !processes.contains(where: ProcessTree.isAlive) }
            try await machines.remove("podvm-a")
        }
    }

    @Test("finds the remaining processes after all processes that would end them were killed at once")
    func allKeepersKilled() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines)
            let processes = try await bootAndDaemonise(machines, fixture)
            let keepers = fixture.processes(of: machines.directoryOf("podvm-a"), named: "fake-pod-vm")
            #expect(keepers.count == 2, "the first process and the agent")
            for keeper in keepers { ProcessTree.signal(keeper, Signals.stop) }
            for keeper in keepers { ProcessTree.signal(keeper, Signals.kill) }
            try await fixture.eventually("they are dead") { !keepers.contains(where: ProcessTree.isAlive) }
            #expect(processes.contains(where: ProcessTree.isAlive), "the daemons live on")
            try await machines.remove("podvm-a")
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
        }
    }

    /// Boots a machine with a container that starts daemons, and returns all its processes.
    private func bootAndDaemonise(
        _ machines: LocalMachines, _ fixture: MachineFixture
    ) async throws -> [Int32] {
        try await fixture.awaitRunning("podvm-a", in: machines)
        let directory = machines.directoryOf("podvm-a")
        let socket = directory.guest + "/agent.sock"
        let stream = try await fixture.connect(to: .unix(path: socket))
        try await Client.with(stream, on: fixture.loop) { client in
            let script = "setsid sh -c 'sleep 1000 & setsid sleep 1001 &'; exec sleep 1002"
            let create = CreateContainerRequest.with {
                $0.containerID = "c1"
                $0.oci = .with { $0.process = .with { $0.arguments = ["sh", "-c", script] } }
            }
            _ = try await client.call(AgentService.service, AgentService.createContainer.name, create.encoded)
            let start = ContainerRequest.with { $0.containerID = "c1" }
            _ = try await client.call(AgentService.service, AgentService.startContainer.name, start.encoded)
        }
        // The container, its daemons in two sessions, and the program of the forwarder's script.
        try await fixture.eventually("the daemons run") {
            fixture.processes(of: directory, named: "sleep").count == 4
        }
        return fixture.processes(of: directory)
    }
}
