import JSON
import LinuxIO
import Telemetry
import Testing

@testable import FakeCloud

@Suite struct AddressPlanTests {
    @Test("maps a name to the same loopback address every time, and to another address in another cloud")
    func isStable() {
        let plan = AddressPlan(name: "podvm-web", stateDirectory: "/run/x")
        let again = AddressPlan(name: "podvm-web", stateDirectory: "/run/x")
        #expect(plan.choose { _ in true } == again.choose { _ in true })
        #expect(plan != AddressPlan(name: "podvm-web", stateDirectory: "/run/y"))
    }

    @Test("gives a thousand VMs a thousand addresses, none of which is reserved for other uses")
    func collisions() throws {
        var taken: Set<String> = []
        for number in 0..<1000 {
            let plan = AddressPlan(name: "podvm-\(number)", stateDirectory: "/run/x")
            let address = try #require(plan.choose { !taken.contains($0) })
            #expect(taken.insert(address).inserted)
            let parts = address.split(separator: ".").compactMap { Int($0) }
            #expect(parts.count == 4 && parts[0] == 127 && 16...239 ~= parts[1] && 1...254 ~= parts[3])
        }
    }

    @Test("tries the next address when one is taken, and gives up after a limit")
    func taken() throws {
        let plan = AddressPlan(name: "a", stateDirectory: "/run/x")
        let first = try #require(plan.choose { _ in true })
        let second = try #require(plan.choose { $0 != first })
        #expect(first != second)
        #expect(plan.choose { _ in false } == nil)
    }
}

@Suite struct MachineRecordTests {
    private let record: MachineRecord = {
        var spec = MachineSpec(name: "podvm-a")
        spec.tags = ["peerpods-pod": "web", "peerpods-node": "n \"1\""]
        spec.bootDelay = .milliseconds(250)
        spec.fault = .agentDies
        spec.life = .seconds(3)
        spec.metadataEndpoint = "http://127.0.0.1:4711/imds/abc"
        return MachineRecord(
            spec, address: "127.20.0.1", port: 15150, created: WallTime(millisecondsSinceEpoch: 1_700_000_000_123),
            forwarder: "/opt/forwarder", forwarderFlags: ["-disable-tls"])
    }()

    @Test("can be parsed from its own encoding")
    func roundTrip() throws {
        #expect(try MachineRecord(parsing: record.encoded) == record)
    }

    @Test("is refused when it is truncated", arguments: [0, 1, 20, 100])
    func truncated(length: Int) {
        #expect(throws: JSONError.self) { try MachineRecord(parsing: Array(record.encoded.prefix(length))) }
    }

    @Test("keeps the status that a guest reports", arguments: [GuestStatus.booting, .running, .failed("no: disk")])
    func status(status: GuestStatus) {
        #expect(GuestStatus(parsing: status.description) == status)
    }
}
