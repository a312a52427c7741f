import AgentTunnel
import ForwarderRig
import Glibc
import LinuxIO
import NetworkRig
import PodNetwork
import PodVMBoot
import Testing

@testable import AgentProtocolForwarder

/// A VM in a lab, with a pod's network that its node has described, and the pod's namespace still empty.
struct VMInLab: Sendable {
    let lab: Lab
    let pod: NetworkNamespace
    let podns: NetworkNamespace
    let plan: GuestNetworkPlan
    let description: PodNetworkDescription
    let guest: Guest
    private let podnsMount: NamespaceMount
    let identity: SandboxIdentity

    static let identifier: UInt32 = 555_000

    init() async throws {
        lab = try Lab()
        pod = try lab.makePod()
        podns = try NetworkNamespace.make(named: "podns")
        podnsMount = try NamespaceMount(of: podns)
        let interface = try await lab.nodeNetworks.inspect(pod.path)
        let underlay = try await lab.nodeNetworks.underlay(named: "under0")
        plan = try GuestNetworkPlan(for: interface, over: underlay, identifier: Self.identifier, port: Lab.port)
        description = PodNetworkDescription(plan, node: try prefix("10.0.0.1/24"), index: 0, isDedicated: false)
        guest = try Guest()
        identity = try SandboxIdentity.make(vmName: Guest.vmName)
        try write { _ in }
        let nodePlan = try NodeNetworkPlan(
            for: interface, over: underlay, identifier: Self.identifier, port: Lab.port, vm: try address("10.0.0.2"))
        try await lab.nodeNetworks.setUp(nodePlan, in: pod.path)
    }

    /// Writes the boot document with the network as the node describes it, after `change`.
    func write(_ change: (inout PodNetworkDescription) -> Void) throws {
        var description = description
        change(&description)
        try guest.write(identity) { $0.podNetwork = description }
    }

    /// A path to the pod's namespace that holds in every process.
    var podnsPath: String { podnsMount.path }

    var options: ForwarderOptions {
        var options = guest.options
        options.podNamespace = podnsPath
        return options
    }

    /// Names and numbers of all interfaces of the VM and of the pod in it: an interface that is made again has another
    /// number.
    func links() throws -> [String] {
        try [lab.vm, podns].flatMap { namespace in
            try Lab.socket(namespace).links().map { "\(namespace) \($0.name) \($0.index)" }
        }
    }
}

/// The forwarder's program in a VM of a lab.
struct ForwarderProgram: Sendable {
    /// The build puts it beside the tests.
    static let path = "\(Files.parent(of: SystemInfo.executablePath))/agent-protocol-forwarder"

    private let rig: VMInLab

    init(_ rig: VMInLab) { self.rig = rig }

    /// Starts it; `notify` is where it says that it is ready.
    func start(_ loop: EpollLoop, _ flags: [String] = [], notify: String? = nil) throws -> ChildProcess {
        var options = ChildProcess.Options(
            executable: Self.path,
            arguments: [
                "-config", rig.guest.config, "-listen", "10.0.0.2:15150", "-pod-namespace", rig.podnsPath,
                "-log-format", "human",
            ] + flags)
        options.environment = notify.map { ["NOTIFY_SOCKET": $0] } ?? [:]
        options.error = .pipe
        options.networkNamespace = rig.lab.vm
        return try ChildProcess.start(options, on: loop)
    }

    /// Runs `body` while it serves.
    func run(_ flags: [String], on loop: EpollLoop, _ body: @escaping @Sendable () async throws -> Void) async throws {
        // A file, since a name without one does not lead out of a network namespace.
        let path = "\(rig.guest.path)/ready"
        try? Files.removeTree(path)
        let manager = try ServiceManager.listen(at: path, on: loop)
        let child = try start(loop, flags, notify: path)
        defer { child.signal(Signals.kill) }
        #expect(String(decoding: try await manager.read(upTo: 100), as: UTF8.self) == "READY=1")
        try await body()
        child.signal(Signals.terminate)
        #expect(try await child.wait() == .exited(0))
    }
}

extension NetworkNamespace {
    /// A connection from here to `host`; nil if there is none within a second.
    func connection(to host: (UInt8, UInt8, UInt8, UInt8), port: UInt16, _ loop: EpollLoop) throws -> Stream? {
        let number = try run { () -> CInt in
            let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            var time = timeval(tv_sec: 1, tv_usec: 0)
            unsafe setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, socklen_t(MemoryLayout<timeval>.size))
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = port.bigEndian
            unsafe withUnsafeMutableBytes(of: &name.sin_addr) {
                unsafe $0.copyBytes(from: [host.0, host.1, host.2, host.3])
            }
            let outcome = unsafe withUnsafeBytes(of: name) { bytes in
                unsafe Glibc.connect(
                    fd, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
            }
            if outcome == 0 { return fd }
            close(fd)
            return -1
        }
        return number < 0 ? nil : try Stream(OwnedFD(owning: number), on: loop)
    }
}
