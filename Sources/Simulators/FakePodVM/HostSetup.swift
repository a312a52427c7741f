internal import FakeCloud
internal import LinuxIO
internal import MachineIsolation
internal import PodNetwork

/// Sets up a fake VM that is a host, after its namespaces and interface exist.
enum HostSetup {
    /// Makes the VM's own mounts and `podns`, as the units of an image do; must run first.
    ///
    /// All of it ends with the VM's last process.
    static func run(_ machine: MachineRecord, _ layout: GuestLayout) throws {
        try Files.makeDirectories("run")
        try OwnMounts.begin(runDirectory: "run", hostName: machine.spec.name)
        for path in [layout.provisioned, layout.agentSocket] {
            try Files.makeDirectories(Files.parent(of: path), mode: 0o755)
        }
        let pod = try NetworkNamespace.make(named: "podns")
        let socket = try NetlinkSocket.open(in: pod, "podns")
        try socket.bringUp(socket.made("lo"))
        try pod.mount(at: layout.podNamespace)
    }
}
