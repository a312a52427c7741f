internal import FakeAgent
internal import FakeCloud

/// The paths in a fake VM.
/// A host has the paths of a pod VM, because its `/run` is the `run` of its directory. The directory is the working
/// directory of all its programs; that `/run` can hide the directory's path.
struct GuestLayout: Sendable {
    /// The root for provisioned files.
    let provisioned: String
    let agentSocket: String
    /// The directory for the guest's `/run/kata-containers`.
    let sharedTree: String
    /// The network namespace of containers; nil in a VM that is not a host.
    let podNamespace: String

    init(_ kind: MachineKind, in directory: MachineDirectory) {
        switch kind {
        case .host:
            provisioned = "/run/peerpod"
            agentSocket = GuestRunDirectory.guestPath + "/agent.sock"
            sharedTree = GuestRunDirectory.guestPath
            podNamespace = "/run/netns/podns"
        case .processes:
            provisioned = directory.guest + "/peerpod"
            // Relative to the directory, because the path of a Unix socket has a limit of 107 bytes.
            agentSocket = "run/agent.sock"
            sharedTree = directory.guest + "/kata-containers"
            podNamespace = directory.guest + "/podns"
        }
    }
}
