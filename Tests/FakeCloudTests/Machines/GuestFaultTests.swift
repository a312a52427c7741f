import LinuxIO
import PodVMLifecycle
import Testing

@testable import FakeCloud

@Suite(.enabled(if: CloudFixture.isBuilt, "fake-pod-vm is not built: run swift build first"))
struct LocalCloudFaultTests {
    @Test(
        "refuses as it is told, and makes nothing",
        arguments: [
            (FakeFailure.quotaExceeded, ProviderError.Code.quotaExceeded), (.outOfCapacity, .outOfCapacity),
            (.throttled, .throttled), (.rejected, .rejected), (.unauthorized, .unauthorized),
            (.unreachable, .unreachable),
        ])
    func refuses(failure: FakeFailure, code: ProviderError.Code) throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud { $0.failure = failure }
            let error = await #expect(throws: ProviderError.self) { try await fixture.create("podvm-a", in: cloud) }
            #expect(error?.code == code)
            #expect(try await cloud.instances().isEmpty)
        }
    }

    @Test("loses the answer, not the VM: asking again finds it")
    func lostAnswer() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud {
                $0.failure = .lostAnswer
                $0.faults.first = 1
            }
            await #expect(throws: ProviderError.self) { try await fixture.create("podvm-a", in: cloud) }
            let left = try await cloud.instances()
            #expect(left.map(\.id.rawValue) == ["podvm-a"])
            let found = try await fixture.create("podvm-a", in: cloud)
            try await cloud.awaitProvisioned(found)
        }
    }

    @Test("fails at provisioning, and says so to who waits for it")
    func provisioning() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud { $0.failure = .provisioning }
            let vm = try await fixture.create("podvm-a", in: cloud)
            let error = await #expect(throws: ProviderError.self) { try await cloud.awaitProvisioned(vm) }
            #expect(error?.code == .operationFailed)
            #expect(error?.detail.contains("told to fail") == true)
        }
    }

    @Test("says that a VM has stopped to who waits for it")
    func stopped() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud { $0.failure = .neverBoots }
            let vm = try await fixture.create("podvm-a", in: cloud)
            let directory = cloud.directoryOf("podvm-a")
            try await fixture.eventually("it boots") { directory.guestStatus == .booting }
            ProcessTree.signal(try fixture.firstProcess(of: directory), Signals.kill)
            let error = await #expect(throws: ProviderError.self) { try await cloud.awaitProvisioned(vm) }
            #expect(error?.code == .operationFailed)
        }
    }

    @Test("a cancelled wait ends soon, and is called cancelled")
    func cancelled() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud {
                $0.failure = .neverBoots
                $0.acceptDelay = .milliseconds(1)
            }
            let vm = try await fixture.create("podvm-a", in: cloud)
            let waiting = Task(executorPreference: fixture.loop) { try await cloud.awaitProvisioned(vm) }
            waiting.cancel()
            let error = await #expect(throws: ProviderError.self) { try await waiting.value }
            #expect(error?.code == .cancelled)
        }
    }

    @Test("a guest that is to die does so, whole")
    func guestDies() throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud {
                $0.failure = .guestDies
                $0.life = .milliseconds(50)
            }
            let vm = try await fixture.create("podvm-a", in: cloud)
            let power = MachinePower(of: cloud.directoryOf(vm.id.rawValue))
            #expect(power.isOn)
            try await fixture.eventually("it is off") { !power.isOn }
        }
    }

    @Test(
        "leaves out what it is told to leave out",
        arguments: [(FakeFailure.noForwarder, "sleep"), (.noAgent, "fake-pod-vm"), (.agentDies, "fake-pod-vm")])
    func withoutPrograms(failure: FakeFailure, name: String) throws {
        try CloudFixture.run { fixture in
            let cloud = try fixture.cloud {
                $0.failure = failure
                $0.life = .milliseconds(50)
            }
            let vm = try await fixture.create("podvm-a", in: cloud)
            try await cloud.awaitProvisioned(vm)
            let directory = cloud.directoryOf("podvm-a")
            // Of a whole VM there are three: its first process, the agent, and what the forwarder's script became.
            let first = try fixture.firstProcess(of: directory)
            try await fixture.eventually("all but one run") {
                let all = fixture.processes(of: directory)
                return all.count == 2
                    && fixture.processes(of: directory, named: name) == (name == "sleep" ? [] : [first])
            }
            #expect(MachinePower(of: directory).isOn)
        }
    }

    @Test("does not start without its programs, and says which is missing")
    func programsMissing() throws {
        try CloudFixture.run { fixture in
            let error = #expect(throws: ProviderError.self) {
                try fixture.cloud { $0.programsDirectory = fixture.root }
            }
            #expect(error?.detail.contains("fake-pod-vm") == true)
        }
    }
}
