package import LinuxIO

/// The machine that the fake Azure requests.
package struct MachineSpec: Equatable, Sendable {
    /// At most 64 characters of `a-z0-9-`.
    package var name: String
    /// The VM's tags in the cloud.
    package var tags: [String: String] = [:]
    /// The time that firmware and kernel take.
    package var bootDelay = Duration.zero
    /// The fault of the guest.
    package var fault = GuestFault.none
    /// The lifetime of a guest with a fault that ends it.
    package var life = Duration.seconds(5)
    /// The URL of the guest's metadata service: `http://127.0.0.1:4711/imds/<token>`.
    package var metadataEndpoint = ""

    /// A machine without tags, delays and faults.
    package init(name: String) { self.name = name }
}

/// A fault of the guest in a VM that the cloud has created correctly.
package enum GuestFault: String, CaseIterable, Sendable {
    case none
    case provisioning
    case neverBoots = "never-boots"
    case noForwarder = "no-forwarder"
    case noAgent = "no-agent"
    case agentUnwell = "agent-unwell"
    case agentDies = "agent-dies"
    case guestDies = "guest-dies"
    /// After provisioning the guest starts nothing and switches its machine off.
    case powersOff = "powers-off"

    /// Whether the guest starts a forwarder.
    package var startsForwarder: Bool { self != .noForwarder && self != .powersOff }
    /// Whether the guest starts an agent.
    package var startsAgent: Bool { self != .noAgent && self != .powersOff }
    /// Whether the machine is off after its lifetime.
    package var isMortal: Bool { self == .guestDies || self == .powersOff }
}

/// Runs the machines of a fake Azure: as process trees on this host, or, for thousands of machines, as records only.
package protocol MachineHost: Sendable {
    /// The address of the machine; an existing machine keeps its address.
    func reserveAddress(for name: String) async throws -> String
    /// Creates and starts a machine; does nothing if it exists.
    func powerOn(_ spec: MachineSpec, at address: String) async throws
    /// The listener for the metadata service of a running machine; nil for a machine that uses another address.
    ///
    /// The listener must be closed before ``remove(_:)``, because it keeps the machine's network alive.
    func metadataListener(of name: String) throws -> Listener?
    /// Switches a machine off and removes it; does nothing if it does not exist.
    func remove(_ name: String) async throws
    /// The last status that the guest reported; `.failed` also when the machine has stopped; nil if there is no
    /// machine.
    func status(of name: String) -> GuestStatus?
    /// The end of what the machine wrote to its serial console; nil if there is no machine or no output.
    func serialLog(of name: String) -> [UInt8]?
}

extension MachineHost {
    /// Nil: the machine uses the URL of its description.
    package func metadataListener(of name: String) throws -> Listener? { nil }
    /// Nil: the machine has no serial console.
    package func serialLog(of name: String) -> [UInt8]? { nil }
}
