/// How fake VMs are reached, and what they have of their own.
public enum MachineNetwork: Equatable, Sendable {
    /// Each is a host with interfaces, mounts and processes of its own, behind this interface of ours.
    case hosts(interface: String)
    /// Each is a loopback address of this host, and isolated from nothing, for this reason.
    case loopback(reason: String)
}

/// What is wanted of fake VMs.
public enum MachineIsolation: String, CaseIterable, Sendable {
    /// Hosts where that is possible, else loopback addresses.
    case automatic
    case hosts
    case loopback
}

/// What a fake VM is: decided when it is made.
package enum MachineKind: String, Sendable {
    /// Processes of this host, at a loopback address.
    case processes
    /// A host with interfaces, mounts and processes of its own.
    case host
}
