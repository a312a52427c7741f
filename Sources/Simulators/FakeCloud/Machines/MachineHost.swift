package import LinuxIO

/// What the fake Azure wants of a machine.
package struct MachineOrder: Equatable, Sendable {
    /// Of `a-z0-9-`, at most 64.
    package var name: String
    package var tags: [String: String] = [:]
    /// How long its firmware and kernel take.
    package var bootDelay = Duration.zero
    /// What goes wrong in the guest.
    package var fault = GuestFault.none
    /// How long a guest lives that is to die.
    package var life = Duration.seconds(5)
    /// Where the guest finds its metadata service: `http://127.0.0.1:4711/imds/<token>`.
    package var metadataEndpoint = ""

    package init(name: String) { self.name = name }
}

/// What goes wrong in a guest whose cloud did everything right.
package enum GuestFault: String, CaseIterable, Sendable {
    case none
    case provisioning
    case neverBoots = "never-boots"
    case noForwarder = "no-forwarder"
    case noAgent = "no-agent"
    case agentUnwell = "agent-unwell"
    case agentDies = "agent-dies"
    case guestDies = "guest-dies"
    /// Provisioned, it starts nothing and switches its machine off.
    case powersOff = "powers-off"

    /// Whether the guest starts a forwarder.
    package var startsForwarder: Bool { self != .noForwarder && self != .powersOff }
    /// Whether the guest starts an agent.
    package var startsAgent: Bool { self != .noAgent && self != .powersOff }
    /// Whether the machine is off after its life.
    package var isMortal: Bool { self == .guestDies || self == .powersOff }
}

/// Where the fake Azure's machines are: process trees on this host, or, for thousands, on paper.
package protocol MachineHost: Sendable {
    /// An address that the machine will have, the same for a machine that is there already.
    func reserveAddress(for name: String) async throws -> String
    /// Makes and starts a machine; nothing if it is there.
    func powerOn(_ order: MachineOrder, at address: String) async throws
    /// Where to listen as the metadata service of a machine that is on; nil for one that finds it elsewhere.
    ///
    /// Whoever listens there stops before ``remove(_:)``, for a listener holds the machine's network.
    func metadataListener(of name: String) throws -> Listener?
    /// Switches a machine off and removes all of it; nothing if it is not there.
    func remove(_ name: String) async throws
    /// What the guest last said of itself; `.failed` also when it has stopped; nil if there is no such machine.
    func status(of name: String) -> GuestStatus?
}

extension MachineHost {
    package func metadataListener(of name: String) throws -> Listener? { nil }
}
