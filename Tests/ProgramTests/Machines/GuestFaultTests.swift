import LinuxIO
import TestSupport
import Testing

@testable import FakeCloud

@Suite(.enabled(if: MachineFixture.isBuilt, "fake-pod-vm is not built: run swift build first"))
struct GuestFaultTests {
    @Test("a guest with the fault provisioning reports it, and its machine stops")
    func provisioning() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines) { $0.fault = .provisioning }
            try await fixture.eventually("it has failed") {
                machines.status(of: "podvm-a") == .failed("the scenario makes provisioning fail")
            }
        }
    }

    @Test("a machine that stopped without a status has failed")
    func stopped() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines) { $0.fault = .neverBoots }
            let directory = machines.directoryOf("podvm-a")
            try await fixture.eventually("it boots") { directory.guestStatus == .booting }
            #expect(machines.status(of: "podvm-a") == .booting)
            ProcessTree.signal(try fixture.firstProcess(of: directory), Signals.kill)
            try await fixture.eventually("it has failed") {
                guard case .failed(let reason) = machines.status(of: "podvm-a") else { return false }
                return reason.contains("console.log")
            }
        }
    }

    @Test("a guest with the fault guest-dies ends with all its processes")
    func guestDies() async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines) {
                $0.fault = .guestDies
                $0.life = .milliseconds(50)
            }
            let power = MachinePower(of: machines.directoryOf("podvm-a"))
            #expect(power.isOn)
            try await fixture.eventually("it is off") { !power.isOn }
        }
    }

    @Test(
        "does not start the programs that the fault excludes",
        arguments: [(GuestFault.noForwarder, "sleep"), (.noAgent, "fake-pod-vm"), (.agentDies, "fake-pod-vm")])
    func withoutPrograms(fault: GuestFault, name: String) async throws {
        try await MachineFixture.run { fixture in
            let machines = try fixture.machines()
            try await fixture.powerOn("podvm-a", in: machines) {
                $0.fault = fault
                $0.life = .milliseconds(50)
            }
            try await fixture.awaitRunning("podvm-a", in: machines)
            let directory = machines.directoryOf("podvm-a")
            // A machine without a fault has three: its first process, the agent, and the program of the forwarder's script.
            let first = try fixture.firstProcess(of: directory)
            try await fixture.eventually("all but one run") {
                let all = fixture.processes(of: directory)
                return all.count == 2
                    && fixture.processes(of: directory, named: name) == (name == "sleep" ? [] : [first])
            }
            #expect(machines.status(of: "podvm-a") == .running)
        }
    }
}
