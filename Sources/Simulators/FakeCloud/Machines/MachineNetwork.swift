/// How fake VMs are reached and isolated.
public enum MachineNetwork: Equatable, Sendable {
    /// Each VM is a host with interfaces, mounts and processes of its own, behind this interface of this machine.
    case hosts(interface: String)
    /// Each VM has a loopback address of this machine and no isolation, for this reason.
    case loopback(reason: String)
}

/// The required isolation of fake VMs.
public enum MachineIsolation: String, CaseIterable, Sendable {
    /// Hosts if this process has the rights for them, else loopback addresses.
    case automatic
    case hosts
    case loopback
}

/// The kind of a fake VM, decided at its creation.
package enum MachineKind: String, Sendable {
    /// Processes of this machine, at a loopback address.
    case processes
    /// A host with interfaces, mounts and processes of its own.
    case host
}
