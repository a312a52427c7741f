import KataProtocol
import LinuxIO
import PodVMLifecycle
import TTRPC
import Telemetry
import Testing

@testable import FakeCloud

@Suite(.enabled(if: CloudFixture.isBuilt, "fake-pod-vm is not built: run swift build first"))
struct LocalCloudTests {
    @Test("boots a VM that calls itself provisioned, with its programs running")
    func boots() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            let vm = try await fixture.create("podvm-a", in: cloud)
            try await cloud.awaitProvisioned(vm)
            let directory = cloud.directoryOf("podvm-a")
            try await fixture.eventually("three programs run") { fixture.processes(of: directory).count == 3 }
            #expect(Files.permissions(directory.userData) == 0o600)
            let provisioned = try DurableFile.read(directory.guest + "/peerpod/apf.json", limit: 100)
            #expect(provisioned == Array("dXNlciBkYXRh".utf8))
            let listed = ListedInstance(id: vm.id, tags: [InstanceTags.pod: "pod"])
            #expect(try await cloud.instances() == [listed])
        }
    }

    @Test("finds the same VM when asked for it again, also by a later process")
    func idempotent() throws {
        try CloudFixture.run { fixture in
            let first = try await fixture.create("podvm-a", in: fixture.cloud())
            let later = try fixture.cloud()
            let again = try await fixture.create("podvm-a", in: later)
            #expect(first == again)
            #expect(try await later.instances().map(\.id) == [first.id])
            try await later.awaitProvisioned(again)
        }
    }

    @Test("powers on a VM that a crash left written down and never started")
    func interrupted() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            let directory = cloud.directoryOf("podvm-a")
            try Files.makeDirectories(directory.path)
            let record = MachineRecord(
                name: "podvm-a", address: "127.20.0.9", port: 15150, created: .now,
                forwarder: fixture.root + "/bin/agent-protocol-forwarder")
            try Files.write(record.encoded, to: directory.record, at: 0)
            try Files.write("x".utf8, to: directory.userData, at: 0)
            let vm = try await fixture.create("podvm-a", in: cloud)
            #expect(vm.addresses == ["127.20.0.9"])
            try await cloud.awaitProvisioned(vm)
        }
    }

    @Test("clears away what is left of a VM whose making or removal was cut short")
    func leftovers() throws {
        try CloudFixture.run { fixture in
            let vms = fixture.root + "/vms"
            for directory in [".new-abc", "podvm-half"] {
                try Files.makeDirectories("\(vms)/\(directory)/run")
                try Files.write("x".utf8, to: "\(vms)/\(directory)/status", at: 0)
            }
            let cloud = try fixture.cloud()
            #expect(try Files.list(vms).isEmpty)
            #expect(try await cloud.instances().isEmpty)
        }
    }

    @Test("deletes what is not there, or could not be, as if it had")
    func deletesNothing() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            for name in ["podvm-unknown", "", "../vms", "/", "podvm-\0", String(repeating: "a", count: 200)] {
                try await cloud.deleteInstance(InstanceID(rawValue: name), of: CloudFixture.sandbox)
            }
            let vm = try await fixture.create("podvm-a", in: cloud)
            try await cloud.deleteInstance(vm.id, of: CloudFixture.sandbox)
            try await cloud.deleteInstance(vm.id, of: CloudFixture.sandbox)
        }
    }

    @Test("refuses names that no VM can have", arguments: ["", "..", "../x", "a/b", "A", "a\0", "podvm_a"])
    func badName(name: String) throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            await #expect(throws: ProviderError.self) { try await fixture.create(name, in: cloud) }
            #expect(try Files.list(fixture.root + "/vms").isEmpty)
        }
    }

    @Test("has twenty VMs made at once, each at an address of its own, and none is left in the end")
    func many() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            let vms = try await withThrowingTaskGroup(of: Instance.self) { group in
                for number in 0..<20 { group.addTask { try await fixture.create("podvm-\(number)", in: cloud) } }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(Set(vms.flatMap(\.addresses)).count == 20)
            for vm in vms { try await cloud.awaitProvisioned(vm) }
            let processes = vms.flatMap { fixture.processes(of: cloud.directoryOf($0.id.rawValue)) }
            #expect(processes.count >= 20)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for vm in vms { group.addTask { try await cloud.deleteInstance(vm.id, of: CloudFixture.sandbox) } }
                try await group.waitForAll()
            }
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
            #expect(try Files.list(fixture.root + "/vms").isEmpty)
        }
    }
}

@Suite(.enabled(if: CloudFixture.isBuilt, "fake-pod-vm is not built: run swift build first"))
struct LocalCloudPowerTests {
    @Test("deletes a VM with every process that came of it, and its directory")
    func deletes() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            let vm = try await fixture.create("podvm-a", in: cloud)
            let processes = try await bootAndDaemonise(cloud, vm, fixture)
            try await cloud.deleteInstance(vm.id, of: CloudFixture.sandbox)
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
            #expect(!Files.exists(cloud.directoryOf("podvm-a").path))
            #expect(try await cloud.instances().isEmpty)
        }
    }

    @Test("deletes a VM of a process that was killed, from its directory alone")
    func deletesAfterCrash() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            let vm = try await fixture.create("podvm-a", in: cloud)
            let processes = try await bootAndDaemonise(cloud, vm, fixture)
            let later = try fixture.cloud()
            try await later.deleteInstance(vm.id, of: CloudFixture.sandbox)
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
            #expect(!Files.exists(later.directoryOf("podvm-a").path))
            // The one that is its parent here still has to hear of its end.
            try await cloud.deleteInstance(vm.id, of: CloudFixture.sandbox)
        }
    }

    @Test("lets no program outlive a first process that was killed")
    func firstProcessKilled() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            let vm = try await fixture.create("podvm-a", in: cloud)
            let processes = try await bootAndDaemonise(cloud, vm, fixture)
            ProcessTree.signal(try fixture.firstProcess(of: cloud.directoryOf("podvm-a")), Signals.kill)
            try await fixture.eventually("all have died") { !processes.contains(where: ProcessTree.isAlive) }
            try await cloud.deleteInstance(vm.id, of: CloudFixture.sandbox)
        }
    }

    @Test("finds what is left when all that would have cleared up was killed at once")
    func allKeepersKilled() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud()
            let vm = try await fixture.create("podvm-a", in: cloud)
            let processes = try await bootAndDaemonise(cloud, vm, fixture)
            let keepers = fixture.processes(of: cloud.directoryOf("podvm-a"), named: "fake-pod-vm")
            #expect(keepers.count == 2, "the first process and the agent")
            for keeper in keepers { ProcessTree.signal(keeper, Signals.stop) }
            for keeper in keepers { ProcessTree.signal(keeper, Signals.kill) }
            try await fixture.eventually("they are dead") { !keepers.contains(where: ProcessTree.isAlive) }
            #expect(processes.contains(where: ProcessTree.isAlive), "the daemons live on")
            try await cloud.deleteInstance(vm.id, of: CloudFixture.sandbox)
            #expect(processes.filter(ProcessTree.isAlive).isEmpty)
        }
    }

    /// Boots a VM whose container leaves daemons behind, and returns all its processes.
    private func bootAndDaemonise(
        _ cloud: LocalCloud, _ vm: Instance, _ fixture: CloudFixture
    ) async throws -> [Int32] {
        try await cloud.awaitProvisioned(vm)
        let directory = cloud.directoryOf(vm.id.rawValue)
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
        // The container, what it left behind in two sessions of its own, and what the script that forwards became.
        try await fixture.eventually("the daemons run") {
            fixture.processes(of: directory, named: "sleep").count == 4
        }
        return fixture.processes(of: directory)
    }
}
