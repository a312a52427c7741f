internal import FakeCloud

/// Where things are in a fake VM.
///
/// One that is a host has them where a pod VM has them, for its `/run` is its directory's `run`. The directory itself
/// is the working directory of all its programs; it may have no path any more, hidden by that `/run`.
struct GuestLayout: Sendable {
    /// Where user data is provisioned.
    let provisioned: String
    let agentSocket: String
    /// What the shim calls `/run/kata-containers`.
    let sharedTree: String
    /// The network namespace that containers enter; in a VM that is no host there is none.
    let podNamespace: String

    init(_ kind: MachineKind, in directory: MachineDirectory) {
        switch kind {
        case .host:
            provisioned = "/run/peerpod"
            agentSocket = GuestTree.guestPath + "/agent.sock"
            sharedTree = GuestTree.guestPath
            podNamespace = "/run/netns/podns"
        case .processes:
            provisioned = directory.guest + "/peerpod"
            // Relative to the directory, for the path of a Unix socket may have no more than 107 bytes.
            agentSocket = "run/agent.sock"
            sharedTree = directory.guest + "/kata-containers"
            podNamespace = directory.guest + "/podns"
        }
    }
}
