internal import FakeCloud
internal import LinuxIO
internal import PodNetwork

/// What makes a host of a fake VM, beyond the interface and the namespaces that it is born with.
enum HostSetup {
    /// Takes the VM's own mounts, and makes `podns` as its image would; before anything else happens.
    ///
    /// All of it is gone with the VM's last process.
    static func run(_ machine: MachineRecord, _ layout: GuestLayout) throws {
        try Files.makeDirectories("run")
        try OwnMounts.begin(runDirectory: "run", hostName: machine.order.name)
        for path in [layout.provisioned, layout.agentSocket] {
            try Files.makeDirectories(Files.parent(of: path), mode: 0o755)
        }
        let pod = try NetworkNamespace.make(named: "podns")
        let socket = try NetlinkSocket.open(in: pod, "podns")
        try socket.bringUp(socket.made("lo"))
        try pod.mount(at: layout.podNamespace)
    }
}
