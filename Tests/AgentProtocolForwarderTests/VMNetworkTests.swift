import AgentTunnel
import Glibc
import KataProtocol
import LinuxIO
import NetworkRig
import PodVMBoot
import TTRPC
import Telemetry
import Testing

@testable import AgentProtocolForwarder
@testable import PodNetwork

/// What has to be root; each suite of it is inside of this one, so that they come one by one.
@Suite(
    "The pod's network in the VM", .serialized,
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
enum RealNamespaces {}

/// A VM in a lab, with a pod's network that its node has described, and the pod's namespace still empty.
struct VMInLab: Sendable {
    let lab: Lab
    let pod: NetworkNamespace
    let podns: NetworkNamespace
    let plan: VMEndPlan
    let description: PodNetworkDescription
    let guest: Guest
    let identity: SandboxIdentity

    static let identifier: UInt32 = 555_000

    init() async throws {
        lab = try Lab()
        pod = try lab.makePod()
        podns = try NetworkNamespace.make(named: "podns")
        let interface = try await lab.nodeNetworks.inspect(pod.path)
        let underlay = try await lab.nodeNetworks.underlay(named: "under0")
        plan = try VMEndPlan(for: interface, over: underlay, identifier: Self.identifier, port: Lab.port)
        description = PodNetworkDescription(plan, node: try prefix("10.0.0.1/24"), index: 0, isDedicated: false)
        guest = try Guest()
        identity = try SandboxIdentity.make(vmName: Guest.vmName)
        try write { _ in }
        let nodePlan = try NodeEndPlan(
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
    var podnsPath: String { "/proc/\(ProcessTree.current)/fd/\(podns.rawDescriptor)" }

    var options: ForwarderOptions {
        var options = guest.options
        options.podNamespace = podnsPath
        return options
    }

    /// Names and numbers of all interfaces of the VM and of the pod in it: what is made anew has another number.
    func links() throws -> [String] {
        try [lab.vm, podns].flatMap { namespace in
            try Lab.socket(namespace).links().map { "\(namespace) \($0.name) \($0.index)" }
        }
    }
}

extension RealNamespaces {
    @Suite("set up by the forwarder")
    struct SettingUp {
        private let rig: VMInLab

        init() async throws { rig = try await VMInLab() }

        private func network(_ change: (inout ForwarderOptions) -> Void = { _ in }) throws -> VMNetwork {
            var options = rig.options
            change(&options)
            return try #require(try ForwarderSetup(options).network)
        }

        /// What the set-up says when it fails.
        private func refusal(_ network: VMNetwork) throws -> String {
            let rig = rig
            return try onLoop { loop in
                var patience = VMNetwork.Patience()
                patience.limit = .milliseconds(100)
                do {
                    let made = try await network.setUp(
                        rig.lab.vmNetworks, patience: patience, on: loop, logger: .silent)
                    return "nothing: \(made)"
                } catch let error as ForwarderError {
                    return error.description
                }
            }
        }

        @Test("joins the pod in the VM with the cluster, and keeps it from the metadata services")
        func joined() throws {
            let (rig, network) = (rig, try network())
            for host in [rig.lab.node, rig.lab.vm] {
                let socket = try Lab.socket(host)
                try socket.add(try prefix("169.254.169.254/32"), to: try socket.made("lo"))
            }
            try onLoop { loop in
                let made = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: .silent)
                #expect(made.mtu == 1450)
            }
            #expect(try Lab.pings("10.244.1.10", from: rig.lab.client))
            #expect(try Lab.pings("10.244.1.2", from: rig.podns))
            #expect(try !Lab.pings("169.254.169.254", from: rig.podns))
            #expect(try Lab.pings("169.254.169.254", from: rig.lab.vm))
            // As after a restart of the forwarder.
            let before = try rig.links()
            try onLoop { loop in _ = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: .silent) }
            #expect(try rig.links() == before)
        }

        @Test("waits for the VM's own network, says so, and goes on as soon as it is there")
        func waiting() throws {
            let (rig, network) = (rig, try network())
            let inVM = try Lab.socket(rig.lab.vm)
            let route = PodRoute(to: .allVersion4, through: try address("10.0.0.1"))
            try inVM.remove(try prefix("10.0.0.2/24"), from: try inVM.made("eth0"))
            let (said, say) = AsyncStream<String>.makeStream()
            let logger = Logger(level: .info, format: .human) { say.yield(String(decoding: $0, as: UTF8.self)) }
            try onLoop { loop in
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { _ = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: logger) }
                    var lines = said.makeAsyncIterator()
                    let first = await lines.next() ?? ""
                    #expect(first.contains("waiting for this VM's own network"), "\(first)")
                    let late = try Lab.socket(rig.lab.vm)
                    try late.add(try prefix("10.0.0.2/24"), to: try late.made("eth0"), hasNetworkRoute: true)
                    try late.add(route, over: try late.made("eth0"))
                    try await group.waitForAll()
                    let second = await lines.next() ?? ""
                    #expect(second.contains("the pod's network is up"), "\(second)")
                }
            }
            #expect(try Lab.pings("10.244.1.10", from: rig.lab.client))
        }

        @Test("gives up on a VM without a network, and on an interface that is not there, with a sentence")
        func noNetwork() throws {
            let other = try refusal(try network { $0.hostInterface = "eth7" })
            #expect(other.contains("The interface eth7") && other.contains("-host-interface"), "\(other)")
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.remove(try prefix("10.0.0.2/24"), from: try inVM.made("eth0"))
            let text = try refusal(try network())
            #expect(text.contains("the pod's network cannot be set up") && text.contains("of waiting"), "\(text)")
            #expect(try Lab.socket(rig.podns).links().count == 1)
        }

        @Test("takes an interface of the tunnel's own where the node has one, and no other")
        func dedicated() throws {
            try rig.write { $0.isDedicated = true }
            let text = try refusal(try network())
            #expect(text.contains("eth0 is the default route's") && text.contains("-host-interface"), "\(text)")
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.createCable("eth1", "far", in: rig.lab.client)
            try Lab.up("eth1", inVM, ["10.0.7.2/24"])
            let (rig, network) = (rig, try network { $0.hostInterface = "eth1" })
            try onLoop { loop in
                let made = try await network.setUp(rig.lab.vmNetworks, on: loop, logger: .silent)
                #expect(made.tunnel.local?.description == "10.0.7.2")
            }
        }

        @Test("names the unit that makes the pod's namespace where there is none")
        func noNamespace() throws {
            let text = try refusal(try network { $0.podNamespace = "/run/netns/no-such-namespace" })
            #expect(text.contains("/run/netns/no-such-namespace") && text.contains("netns@podns"), "\(text)")
        }

        @Test("tells the node what is there, over a connection that it asks for, and what somebody has broken")
        func told() throws {
            let rig = rig
            let setup = try ForwarderSetup(rig.options)
            try onLoop { loop in
                let plan = try await setup.network?.setUp(rig.lab.vmNetworks, on: loop, logger: .silent)
                let network = PodVMService.Network(
                    networks: rig.lab.vmNetworks, plan: try #require(plan), namespace: rig.podnsPath)
                let forwarder = try Forwarder(setup, rig.options, network: network, on: loop, logger: .silent)
                try await alongside([forwarder.run]) {
                    let whole = try await Self.ask(rig.identity, forwarder.address, loop)
                    #expect(whole.problems == [])
                    #expect(whole.hops.map(\.place) == ["VM", "pod namespace in the VM"])
                    #expect(whole.hops.map(\.interface) == ["eth0", "eth0"])
                    #expect(whole.hops.map(\.mtu) == [1500, 1450])
                    #expect(whole.addresses.first == "10.244.1.10/24")
                    #expect(whole.routes.contains("0.0.0.0/0 via 10.244.1.1"), "\(whole.routes)")
                    #expect(whole.tunnel.contains("\(VMInLab.identifier)"), "\(whole.tunnel)")
                    let inside = try Lab.socket(rig.podns)
                    try inside.delete(try inside.made("eth0"))
                    let broken = try await Self.ask(rig.identity, forwarder.address, loop)
                    #expect(broken.problems.contains { $0.contains("eth0 is missing in the VM") }, "\(broken.problems)")
                }
            }
        }

        private static func ask(
            _ identity: SandboxIdentity, _ address: SocketAddress, _ loop: EpollLoop
        ) async throws -> VMNetworkStatus {
            let context = try TLSContext.client(trusting: identity.authority, identity: identity.client)
            let dialler = Dialler(
                to: address, security: ClientSecurity(context: context, serverName: Guest.vmName), on: loop)
            let stream = try #require(
                try await dialler.connect(speaking: PodVM.applicationProtocol, deadline: .now + .seconds(20)))
            let client = Client(stream, on: loop)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await client.run() }
                defer { client.close() }
                return try await client.call(PodVM.network, Empty())
            }
        }
    }

    @Suite(
        "and the forwarder's process",
        .enabled(if: Files.isExecutable(ForwarderProgram.path), "agent-protocol-forwarder is not built"))
    struct Processes {
        private let rig: VMInLab

        init() async throws { rig = try await VMInLab() }

        @Test("serves when the pod has its network, and what the pod has open survives a kill and a second forwarder")
        func restart() throws {
            let rig = rig
            try onLoop { loop in
                // A file, since a name without one does not lead out of a network namespace.
                let path = "\(rig.guest.path)/notify"
                let manager = try ServiceManager.listen(at: path, on: loop)
                let listener = try Listener.listen(
                    on: .tcp(host: "10.244.1.2", port: 9000), loop: loop, in: rig.lab.client)
                func start() async throws -> ChildProcess {
                    let child = try ForwarderProgram(rig).start(loop, notify: path)
                    #expect(String(decoding: try await manager.read(upTo: 100), as: UTF8.self) == "READY=1")
                    return child
                }
                let first = try await start()
                let near = try #require(try rig.podns.connection(to: (10, 244, 1, 2), port: 9000, loop))
                let far = try await listener.accept()
                let links = try rig.links()
                func talk(_ byte: UInt8) async throws {
                    try await near.write([byte])
                    #expect(try await far.read(upTo: 1) == [byte])
                    try await far.write([byte, byte])
                    #expect(try await near.read(upTo: 2) == [byte, byte])
                }
                try await talk(1)
                first.signal(Signals.kill)
                _ = try await first.wait()
                try await talk(2)
                let second = try await start()
                try await talk(3)
                #expect(try rig.links() == links)
                second.signal(Signals.kill)
                _ = try await second.wait()
            }
        }

        @Test("says that the pod reaches the outside through its node, when the node would have it otherwise")
        func external() throws {
            try rig.write { $0.isExternalThroughVM = true }
            let rig = rig
            try onLoop { loop in
                let child = try ForwarderProgram(rig).start(loop)
                let errors = try #require(child.error)
                var said = ""
                while !said.contains("serving") {
                    let more = try await errors.read(upTo: 4096)
                    try #require(!more.isEmpty, "\(said)")
                    said += String(decoding: more, as: UTF8.self)
                }
                #expect(said.contains("external-net-via-pod-vm is not supported"), "\(said)")
                child.signal(Signals.terminate)
                #expect(try await child.wait() == .exited(0))
            }
        }

        @Test("stops at once when told so while it waits for the VM's own network")
        func stopped() throws {
            let inVM = try Lab.socket(rig.lab.vm)
            try inVM.remove(try prefix("10.0.0.2/24"), from: try inVM.made("eth0"))
            let rig = rig
            try onLoop { loop in
                let child = try ForwarderProgram(rig).start(loop)
                let errors = try #require(child.error)
                let said = try await errors.read(upTo: 4096)
                #expect(String(decoding: said, as: UTF8.self).contains("waiting for this VM's own network"))
                child.signal(Signals.terminate)
                #expect(try await child.wait() == .exited(0))
            }
        }

        @Test(
            "ends with a sentence and with nothing changed, when no pod's network can be like that",
            arguments: [
                ("\"podip\": \"10.244.1.10/24\"", "\"podip\": \"0.0.0.0/0\"", "0.0.0.0/0"),
                ("\"podip\": \"10.244.1.10/24\"", "\"podip\": \"10.244.1.10\"", "pod-network.podip"),
                ("\"pod-hw-addr\": \"", "\"pod-hw-addr\": \"zz", "pod-network.pod-hw-addr"),
                ("\"mtu\": 1450", "\"mtu\": 0", "the MTU 0"),
                ("\"mtu\": 1450", "\"mtu\": -1", "pod-network.mtu"),
                ("\"interface\": \"eth0\"", "\"interface\": \"sixteen-bytes-16\"", "pod-network.interface"),
                ("\"interface\": \"eth0\"", "\"interface\": \"lo\"", "loopback"),
                ("\"vxlan-id\": 555000", "\"vxlan-id\": 0", "a VXLAN identifier is 1 to 16777215"),
                ("\"vxlan-id\": 555000", "\"vxlan-id\": 16777216", "pod-network.vxlan-id"),
                ("\"vxlan-port\": 4789", "\"vxlan-port\": 0", "a UDP port is 1 to 65535"),
                ("\"worker-node-ip\": \"10.0.0.1/24\"", "\"worker-node-ip\": \"127.0.0.1/8\"", "no host's address"),
                ("\"further-routes\": [", "many routes", "more than the 1024"),
                ("\"gw\": \"10.244.1.1\"", "\"gw\": \"10.99.0.1\"", "The route to"),
                ("\"gw\": \"10.244.1.1\"", "\"gw\": \"169.254.169.254\"", "the pod's network needs 169.254.169.254"),
            ])
        func absurd(part: String, replacement: String, reason: String) throws {
            let text = String(decoding: try DurableFile.read(rig.guest.config, limit: 1 << 16), as: UTF8.self)
            let route = "{\"dst\": \"1.0.0.0/8\", \"gw\": \"\"}"
            let many = Array(repeating: route, count: 1500).joined(separator: ",")
            let changed = text.replacing(
                part, with: replacement == "many routes" ? "\(part)\(many)," : replacement,
                maxReplacements: 1)
            try #require(changed != text)
            _ = try rig.guest.write(changed, to: "apf.json")
            let before = try rig.links()
            let rig = rig
            try onLoop { loop in
                let child = try ForwarderProgram(rig).start(loop)
                let errors = try #require(child.error)
                var said: [UInt8] = []
                while case let more = try await errors.read(upTo: 4096), !more.isEmpty { said += more }
                #expect(try await child.wait() == .exited(1))
                let last = String(decoding: said, as: UTF8.self)
                #expect(last.contains("cannot serve: ") && last.contains(reason), "\(last)")
            }
            #expect(try rig.links() == before)
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
            let fd = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
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
