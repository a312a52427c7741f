import JSON
import LinuxIO
import Telemetry
import Testing

@testable import FakeCloud

@Suite struct AddressPlanTests {
    @Test("leads a name to the same loopback address every time, and another cloud's elsewhere")
    func isStable() {
        let plan = AddressPlan(name: "podvm-web", stateDirectory: "/run/x")
        let again = AddressPlan(name: "podvm-web", stateDirectory: "/run/x")
        #expect(plan.choose { _ in true } == again.choose { _ in true })
        #expect(plan != AddressPlan(name: "podvm-web", stateDirectory: "/run/y"))
    }

    @Test("gives a thousand VMs a thousand addresses, none of them of use to others")
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

    @Test("goes on to the next address when one is taken, and gives up in the end")
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
        var order = MachineOrder(name: "podvm-a")
        order.tags = ["peerpods-pod": "web", "peerpods-node": "n \"1\""]
        order.bootDelay = .milliseconds(250)
        order.fault = .agentDies
        order.life = .seconds(3)
        order.metadataEndpoint = "http://127.0.0.1:4711/imds/abc"
        return MachineRecord(
            order, address: "127.20.0.1", port: 15150, created: WallTime(millisecondsSinceEpoch: 1_700_000_000_123),
            forwarder: "/opt/forwarder", forwarderFlags: ["-disable-tls"])
    }()

    @Test("reads what it wrote")
    func roundTrip() throws {
        #expect(try MachineRecord(parsing: record.encoded) == record)
    }

    @Test("is refused when it is cut short", arguments: [0, 1, 20, 100])
    func truncated(length: Int) {
        #expect(throws: JSONError.self) { try MachineRecord(parsing: Array(record.encoded.prefix(length))) }
    }

    @Test("keeps what a guest says of itself", arguments: [GuestStatus.booting, .running, .failed("no: disk")])
    func status(status: GuestStatus) {
        #expect(GuestStatus(parsing: status.description) == status)
    }
}
