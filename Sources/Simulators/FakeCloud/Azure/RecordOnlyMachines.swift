internal import LinuxIO

/// Machines that exist only as records, for tests with thousands of them: running as soon as their boot delay is over.
package final class RecordOnlyMachines: MachineHost {
    private struct Machine {
        var address: String
        var spec: MachineSpec?
        var up: ContinuousClock.Instant
    }

    private let machines = Lock<[String: Machine]>([:])
    private let number = Lock(0)
    private let log = Lock<[UInt8]?>(nil)

    /// No machines.
    package init() {}

    /// The number of machines.
    package var count: Int { machines.withLock { $0.count } }

    /// The request with which a machine was powered on; nil before that.
    package func spec(_ name: String) -> MachineSpec? { machines.withLock { $0[name]?.spec } }

    /// Counts up; an existing machine keeps its address.
    package func reserveAddress(for name: String) async throws -> String {
        machines.withLock { machines in
            if let machine = machines[name] { return machine.address }
            let next = number.withLock { number in
                number += 1
                return number
            }
            let address = "10.\(224 + next / 64516 % 16).\(next / 254 % 254).\(1 + next % 254)"
            machines[name] = Machine(address: address, spec: nil, up: .now)
            return address
        }
    }

    /// Records the machine as running; starts nothing.
    package func powerOn(_ spec: MachineSpec, at address: String) async throws {
        machines.withLock { machines in
            if machines[spec.name]?.spec != nil { return }
            machines[spec.name] = Machine(
                address: address, spec: spec, up: .now.advanced(by: spec.bootDelay))
        }
    }

    /// Forgets the machine.
    package func remove(_ name: String) async throws { machines.withLock { $0[name] = nil } }

    /// Sets the serial log of all machines.
    package func setSerialLog(_ bytes: [UInt8]) { log.withLock { $0 = bytes } }

    /// The log that was set; nil for a machine that does not exist.
    package func serialLog(of name: String) -> [UInt8]? {
        machines.withLock { $0[name] } == nil ? nil : log.withLock { $0 }
    }

    /// The recorded status; nil if there is no such machine.
    package func status(of name: String) -> GuestStatus? {
        guard let machine = machines.withLock({ $0[name] }), let spec = machine.spec else { return nil }
        if machine.up > .now { return .booting }
        switch spec.fault {
        case .neverBoots: return .booting
        case .provisioning: return .failed("the scenario makes provisioning fail")
        case let fault where fault.isMortal && machine.up.advanced(by: spec.life) <= .now:
            return .failed("the machine has stopped")
        default: return .running
        }
    }
}
