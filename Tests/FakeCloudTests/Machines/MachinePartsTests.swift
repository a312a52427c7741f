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
    private let record = MachineRecord(
        name: "podvm-a", address: "127.20.0.1", port: 15150,
        created: WallTime(millisecondsSinceEpoch: 1_700_000_000_123), bootDelay: .milliseconds(250),
        failure: .agentDies, life: .seconds(3), forwarder: "/opt/forwarder",
        forwarderFlags: ["-disable-tls"],
        tags: ["peerpods-pod": "web", "peerpods-node": "n \"1\""])

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

@Suite struct FaultLotTests {
    @Test("fails the first few and no more")
    func first() {
        var scope = FakeFaultScope()
        scope.first = 2
        let lot = FaultLot(scope)
        #expect((0..<4).map { _ in lot.draw() } == [true, true, false, false])
    }

    @Test("fails all, none, or some of a hundred", arguments: [(100, 1000...1000), (0, 0...0), (50, 350...650)])
    func percent(percent: Int, expected: ClosedRange<Int>) {
        var scope = FakeFaultScope()
        scope.percent = percent
        let lot = FaultLot(scope)
        let failed = (0..<1000).filter { _ in lot.draw() }.count
        #expect(expected.contains(failed))
    }
}
