internal import LinuxIO

/// Machines that exist only as records, for tests with thousands of them: running as soon as their boot delay is over.
package final class RecordOnlyMachines: MachineHost {
    private struct Machine {
        var address: String
        var order: MachineOrder?
        var up: ContinuousClock.Instant
    }

    private let machines = Lock<[String: Machine]>([:])
    private let number = Lock(0)

    package init() {}

    /// The number of machines.
    package var count: Int { machines.withLock { $0.count } }

    /// The request with which a machine was powered on; nil before that.
    package func order(_ name: String) -> MachineOrder? { machines.withLock { $0[name]?.order } }

    package func reserveAddress(for name: String) async throws -> String {
        machines.withLock { machines in
            if let machine = machines[name] { return machine.address }
            let next = number.withLock { number in
                number += 1
                return number
            }
            let address = "10.\(224 + next / 64516 % 16).\(next / 254 % 254).\(1 + next % 254)"
            machines[name] = Machine(address: address, order: nil, up: .now)
            return address
        }
    }

    package func powerOn(_ order: MachineOrder, at address: String) async throws {
        machines.withLock { machines in
            if machines[order.name]?.order != nil { return }
            machines[order.name] = Machine(
                address: address, order: order, up: .now.advanced(by: order.bootDelay))
        }
    }

    package func remove(_ name: String) async throws { machines.withLock { $0[name] = nil } }

    package func status(of name: String) -> GuestStatus? {
        guard let machine = machines.withLock({ $0[name] }), let order = machine.order else { return nil }
        if machine.up > .now { return .booting }
        switch order.fault {
        case .neverBoots: return .booting
        case .provisioning: return .failed("it was told to fail")
        case let fault where fault.isMortal && machine.up.advanced(by: order.life) <= .now:
            return .failed("the machine has stopped")
        default: return .running
        }
    }
}
