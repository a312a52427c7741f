import FakeCloud
import KataProtocol
import LinuxIO
import NetworkRig
import PacketFilter
import PeerPodProtocol
import TTRPC
import TestSupport
import Testing

@testable import PodNetwork

/// A node in a network of its own, with pods that a CNI has made, whose daemon has a fake Azure with VMs that are hosts.
struct Node: Sendable {
    let lab: Lab
    let directory: String
    let loop: EpollLoop

    static func run(_ body: @escaping @Sendable (Node) async throws -> Void) async throws {
        let directory = try TemporaryDirectory()
        let lab = try Lab()
        let links = try Lab.socket(lab.node).links().map(\.name)
        // Many programs and all tests run at once; with a sanitizer in each of them they are slow.
        try await onLoop(within: .seconds(600)) { loop in
            try await body(Node(lab: lab, directory: directory.path, loop: loop))
        }
        let left = try Lab.socket(lab.node).links().map(\.name).filter { !$0.hasPrefix("pod") }
        #expect(left == links, "interfaces of the node")
        // Other tests may have mounts of their own.
        let mounts = String(
            decoding: try DurableFile.read("/proc/thread-self/mountinfo", limit: 1 << 20), as: UTF8.self)
        #expect(!mounts.contains(directory.path) && !mounts.contains("/run/netns/podns"))
        #expect(try Files.list(directory.path + "/cloud/machines").isEmpty)
        #expect(try Files.list(directory.path + "/pods") == [".lock"])
    }

    func daemon(_ name: String = "manager", _ arguments: [String] = []) throws -> RunningDaemon {
        try RunningDaemon(
            in: directory, on: loop, manager: name, boots: true, arguments: arguments,
            environment: ["FAKE_CLOUD": "true", "FAKE_NETWORK": "hosts"], network: lab.node)
    }

    /// Ends a daemon in order.
    func end(_ daemon: RunningDaemon) async throws {
        daemon.process.signal(Signals.terminate)
        #expect(try await daemon.process.wait() == .exited(0))
    }

    /// A pod that is created; its agent can be asked once it is started.
    func create(_ id: String, in pod: NetworkNamespace, by daemon: RunningDaemon) async throws -> PodShell {
        try await create(id, at: "/proc/\(ProcessTree.current)/fd/\(pod.rawDescriptor)", by: daemon)
    }

    func create(_ id: String, at namespacePath: String, by daemon: RunningDaemon) async throws -> PodShell {
        let request = CreateVMRequest.with {
            $0.id = id
            $0.networkNamespacePath = namespacePath
            $0.annotations = [
                "io.kubernetes.cri.sandbox-name": id, "io.kubernetes.cri.sandbox-namespace": "default",
            ]
        }
        return PodShell(try await daemon.call(Hypervisor.createVM, request).agentSocketPath, on: loop)
    }

    func start(_ id: String, by daemon: RunningDaemon) async throws {
        _ = try await daemon.call(Hypervisor.startVM, .with { $0.id = id }, timeout: .seconds(60))
    }

    func stop(_ id: String, by daemon: RunningDaemon) async throws {
        _ = try await daemon.call(Hypervisor.stopVM, .with { $0.id = id })
    }

    /// The network that a pod has in its VM.
    func inside(_ id: String, by daemon: RunningDaemon) async throws -> NetworkNamespace {
        let vm = try #require(try await daemon.call(Sandboxes.list, Empty()).sandboxes.first { $0.id == id }?.vm)
        let machine = "\(directory)/cloud/machines/\(vm)"
        let number = try DurableFile.read("\(machine)/pid", limit: 100)
        return try NetworkNamespace(opening: "/proc/\(String(decoding: number, as: UTF8.self))/root/run/netns/podns")
    }

    /// A pod's network, as soon as its VM answers: on a busy machine that may take several tries.
    func look(_ id: String, by daemon: RunningDaemon) async throws -> PodNetworkStatus {
        while true {
            let status = try await daemon.call(Sandboxes.network, .with { $0.id = id })
            if status.silence.isEmpty { return status }
        }
    }

    /// What is left of a pod's tunnel on the node.
    func leftovers(_ pod: NetworkNamespace) throws -> [String] {
        let socket = try Lab.socket(pod)
        let links = try socket.links()
        return try links.filter { $0.vxlan != nil }.map(\.name)
            + links.filter { try socket.incomingRule(of: $0) != .none }.map { "rules on \($0.name)" }
    }

    /// Returns once no sandbox is on record.
    func areGone(by daemon: RunningDaemon) async throws {
        while try await !daemon.call(Sandboxes.list, Empty()).sandboxes.isEmpty {
            try await loop.sleep(for: .milliseconds(5))
        }
    }

    var untracked: [String] { get async throws { try await UntrackedPeers(port: 4789, in: lab.node).all() } }
}

@Suite(
    "A pod's network, from the pod's process to the cluster",
    .enabled(if: RunningDaemon.isBuiltWhole, "the programs are not built"),
    .enabled(if: canMakeNamespaces, "needs NET_ADMIN and SYS_ADMIN, to make network namespaces"))
struct PodNetworkStoryTests {
    @Test("is as the CNI plugin made it: addresses, Ethernet address, MTU, routes, and TCP in both directions")
    func whole() async throws {
        try await Node.run { node in
            let daemon = try node.daemon()
            #expect(try await daemon.notification() == "READY=1")
            let pod = try node.lab.makePod(5, isDual: true)
            let own = try #require(try Lab.socket(pod).link(named: "eth0")?.hardwareAddress)
            let shell = try await node.create("web", in: pod, by: daemon)
            try await node.start("web", by: daemon)

            let seen = try await shell.output(
                of: "ip addr show eth0; ip route; ip -6 route; readlink /proc/self/ns/net")
            for words in [
                "mtu 1450", "link/ether \(own)", "inet 10.244.1.10/24", "inet6 fd00:244::5/64",
                "default via 10.244.1.1 dev eth0", "default via fd00:244::1 dev eth0",
            ] {
                #expect(seen.contains(words), "\(seen)")
            }
            let inside = try await node.inside("web", by: daemon)
            #expect(try await shell.output(of: "ping -n -c 1 -W 2 10.244.1.2").contains(" 0% packet loss"))
            // The node's IPv6 address may still be tentative, so that it does not answer the first packet.
            #expect(try await shell.output(of: "ping -n -c 1 -w 10 fd00:244::2").contains(" 1 received"))
            let size = 3 << 20
            #expect(try await Traffic.tcp(from: node.lab.client, to: inside, at: "10.244.1.10", bytes: size) == size)
            #expect(try await Traffic.tcp(from: inside, to: node.lab.client, at: "10.244.1.2", bytes: size) == size)

            try await node.stop("web", by: daemon)
            try await node.areGone(by: daemon)
            #expect(try node.leftovers(pod).isEmpty)
            #expect(try await node.untracked.isEmpty)
            try await node.end(daemon)
        }
    }

    @Test("is shown hop by hop with its faults, although the pod is idle")
    func told() async throws {
        try await Node.run { node in
            let daemon = try node.daemon()
            #expect(try await daemon.notification() == "READY=1")
            let pod = try node.lab.makePod()
            _ = try await node.create("web", in: pod, by: daemon)
            func look() async throws -> PodNetworkStatus { try await node.look("web", by: daemon) }
            let early = try await daemon.call(Sandboxes.network, .with { $0.id = "web" })
            #expect(early.vxlanID >= 555_000 && early.vmAddress.isEmpty && early.problems.isEmpty)
            #expect(early.silence == "the VM has no address yet")
            try await node.start("web", by: daemon)

            let sound = try await look()
            #expect(sound.problems.isEmpty && sound.silence.isEmpty, "\(sound)")
            #expect(sound.hops.map(\.interface).filter { !$0.hasPrefix("ppf") } == ["eth0", "vxlan1", "eth0", "eth0"])
            #expect(
                sound.hops.map(\.place) == [
                    "pod namespace on the node", "pod namespace on the node", "node", "VM", "pod namespace in the VM",
                ])
            #expect(sound.hops.allSatisfy { $0.isUp } && sound.hops.last?.mtu == 1450)
            #expect(sound.addresses == ["10.244.1.10/24"] && sound.nodeAddress.hasPrefix("198.18."))
            #expect(sound.vmAddress.hasPrefix("198.18.") && sound.vxlanPort == 4789)
            #expect(sound.routes.contains { $0.contains("10.244.1.1") }, "\(sound.routes)")

            for rule in ["input", "output"] {
                let table = """
                    table inet deaf {
                        chain c { type filter hook \(rule) priority 0; udp dport 4789 drop; }
                    }
                    """
                try #require(try Lab.succeeds("echo '\(table)' | nft -f -", in: node.lab.node), "needs nft")
                // After a while without traffic the VM has to ask for its gateway, and sends nothing else until it knows.
                try #require(
                    try Lab.succeeds("ip neigh flush dev eth0", in: await node.inside("web", by: daemon)))
                let problems = try await look().problems
                #expect(problems.count == 1, "\(problems)")
                #expect(problems.first?.contains(rule == "input" ? "from the VM" : "VM") == true, "\(problems)")
                #expect(try Lab.succeeds("nft delete table inet deaf", in: node.lab.node))
                #expect(try await look().problems.isEmpty)
            }

            let inside = try Lab.socket(pod)
            try inside.delete(try #require(try inside.link(named: "vxlan1")))
            #expect(try await look().problems.contains { $0.contains("vxlan1 on the node is missing") })
            try await node.stop("web", by: daemon)
            try await node.areGone(by: daemon)
            try await node.end(daemon)
        }
    }

    @Test("works while the adaptor is stopped, keeps its identifier, and is removed by the next adaptor")
    func restart() async throws {
        try await Node.run { node in
            let first = try node.daemon()
            #expect(try await first.notification() == "READY=1")
            let (pod, other) = (try node.lab.makePod(1), try node.lab.makePod(2))
            _ = try await node.create("web", in: pod, by: first)
            try await node.start("web", by: first)
            let before = try await node.look("web", by: first)
            let inside = try await node.inside("web", by: first)
            first.process.signal(Signals.kill)
            _ = try await first.process.wait()
            #expect(try Lab.pings("10.244.1.2", from: inside))

            let second = try node.daemon("second")
            #expect(try await second.notification() == "READY=1")
            #expect(try Lab.pings("10.244.1.6", from: node.lab.client))
            _ = try await node.create("other", in: other, by: second)
            let after = try await node.look("web", by: second)
            #expect(after.vxlanID == before.vxlanID && after.problems.isEmpty && after.silence.isEmpty, "\(after)")
            let next = try await second.call(Sandboxes.network, .with { $0.id = "other" })
            #expect(next.vxlanID != before.vxlanID)
            for id in ["web", "other"] { try await node.stop(id, by: second) }
            try await node.areGone(by: second)
            #expect(try node.leftovers(pod).isEmpty)
            #expect(try await node.untracked.isEmpty)
            try await node.end(second)
        }
    }

    @Test("is removed after a start that fails or that the shim cancels")
    func failedStarts() async throws {
        try await Node.run { node in
            let daemon = try node.daemon("manager", ["-fake-boot-delay", "10m"])
            #expect(try await daemon.notification() == "READY=1")
            let taken = try node.lab.makePod(1)
            _ = try await node.create("taken", in: taken, by: daemon)
            try #require(try Lab.succeeds("ip link add vxlan1 type bridge", in: taken), "needs ip")
            let error = await #expect(throws: Status.self) { try await node.start("taken", by: daemon) }
            #expect(error?.message.contains("vxlan1") == true, "\(String(describing: error))")
            try await node.areGone(by: daemon)
            #expect(try node.leftovers(taken).isEmpty)

            let pod = try node.lab.makePod(2)
            _ = try await node.create("slow", in: pod, by: daemon)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await node.start("slow", by: daemon) }
                while try node.leftovers(pod).count < 3 { try await node.loop.sleep(for: .milliseconds(5)) }
                group.cancelAll()
                await #expect(throws: (any Error).self) { try await group.next() }
            }
            try await node.areGone(by: daemon)
            #expect(try node.leftovers(pod).isEmpty)
            #expect(try await node.untracked.isEmpty)
            try await node.end(daemon)
        }
    }

    @Test("is removed by the next adaptor when one was killed while the VM booted")
    func killedStart() async throws {
        try await Node.run { node in
            let first = try node.daemon("manager", ["-fake-boot-delay", "10m"])
            #expect(try await first.notification() == "READY=1")
            let pod = try node.lab.makePod()
            _ = try await node.create("slow", in: pod, by: first)
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await node.start("slow", by: first) }
                while try node.leftovers(pod).count < 3 { try await node.loop.sleep(for: .milliseconds(5)) }
                first.process.signal(Signals.kill)
                _ = try await first.process.wait()
                await #expect(throws: (any Error).self) { try await group.next() }
            }
            #expect(try node.leftovers(pod).count == 3)

            var second = try node.daemon("second")
            #expect(try await second.notification() == "READY=1")
            try await node.areGone(by: second)
            #expect(try node.leftovers(pod).isEmpty)
            #expect(try await node.untracked.isEmpty)
            try await node.end(second)
            try await second.readLog()
            let warnings = second.log.split(separator: "\n").filter { $0.contains("\"level\":\"warning\"") }
            // At each start, of the fake itself.
            #expect(warnings.allSatisfy { $0.contains("fake Azure") }, "\(warnings)")
        }
    }

    @Test("works while the VM's forwarder is stopped, the status says so, and recovers with the forwarder")
    func forwarder() async throws {
        try await Node.run { node in
            let daemon = try node.daemon()
            #expect(try await daemon.notification() == "READY=1")
            let pod = try node.lab.makePod()
            _ = try await node.create("web", in: pod, by: daemon)
            try await node.start("web", by: daemon)
            let inside = try await node.inside("web", by: daemon)
            let forwarders = ProcessTable.all().map(\.pid).filter { pid in
                // The one of this VM: it is in the VM's network, as its first process is.
                Files.isSame("/proc/\(pid)/root/run/netns/podns", "/proc/self/fd/\(inside.rawDescriptor)")
                    && Self.name(of: pid).hasPrefix("agent-protocol")
            }
            try #require(forwarders.count == 1)
            // A process that is killed is replaced at once.
            ProcessTree.signal(forwarders[0], Self.stopSignal)
            let alone = try await daemon.call(Sandboxes.network, .with { $0.id = "web" })
            #expect(alone.silence.contains("forwarder"), "\(alone)")
            #expect(alone.problems.isEmpty && alone.hops.count == 3, "\(alone)")
            #expect(try Lab.pings("10.244.1.2", from: inside))
            ProcessTree.signal(forwarders[0], Signals.kill)
            let whole = try await node.look("web", by: daemon)
            #expect(whole.problems.isEmpty && whole.hops.count == 5, "\(whole)")
            try await node.stop("web", by: daemon)
            try await node.areGone(by: daemon)
            try await node.end(daemon)
        }
    }

    /// SIGSTOP.
    private static let stopSignal: Int32 = 19

    private static func name(of pid: Int32) -> String {
        (try? DurableFile.read("/proc/\(pid)/comm", limit: 100)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    @Test("is shown with the node's side only when the VM does not answer")
    func silent() async throws {
        try await Node.run { node in
            let daemon = try node.daemon("manager", ["-disable-tls", "-fake-forwarder-flags", "-disable-tls"])
            #expect(try await daemon.notification() == "READY=1")
            let pod = try node.lab.makePod()
            let shell = try await node.create("web", in: pod, by: daemon)
            try await node.start("web", by: daemon)
            #expect(try await shell.output(of: "ping -n -c 1 -W 5 10.244.1.2").contains(" 0% packet loss"))
            let status = try await daemon.call(Sandboxes.network, .with { $0.id = "web" })
            #expect(status.silence.contains("TLS is off") && status.problems.isEmpty, "\(status)")
            #expect(status.hops.count == 3 && status.vxlanID >= 555_000)
            try await node.stop("web", by: daemon)
            try await node.areGone(by: daemon)
            try await node.end(daemon)
        }
    }

    @Test("does not exist where VMs are loopback addresses; the pod starts, and a warning says so")
    func loopback() async throws {
        try await Node.run { node in
            var daemon = try node.daemon("manager", ["-fake-network", "loopback"])
            #expect(try await daemon.notification() == "READY=1")
            let pod = try node.lab.makePod()
            let shell = try await node.create("web", in: pod, by: daemon)
            try await node.start("web", by: daemon)
            #expect(try await shell.output(of: "echo here") == "here\n")
            let status = try await daemon.call(Sandboxes.network, .with { $0.id = "web" })
            #expect(status.vxlanID == 0 && status.silence.contains("loopback"), "\(status)")
            try await node.stop("web", by: daemon)
            try await node.areGone(by: daemon)
            #expect(try node.leftovers(pod).isEmpty)
            try await node.end(daemon)
            try await daemon.readLog()
            #expect(daemon.log.contains("The pod's network does not reach its VM"))
        }
    }

    @Test("is refused where the adaptor lacks capabilities, which it logs at the start; other pods start")
    func incapable() async throws {
        let directory = try TemporaryDirectory()
        let lab = try Lab()
        try await onLoop { loop in
            let node = Node(lab: lab, directory: directory.path, loop: loop)
            var options = LocalAzureOptions()
            options.stateDirectory = directory.path + "/azure"
            options.programsDirectory = Files.parent(of: RunningDaemon.executable)
            options.network = .loopback
            let account = try LocalAzure(options, on: loop).account
            var daemon = try RunningDaemon(
                in: directory.path, on: loop,
                environment: Dictionary(uniqueKeysWithValues: account.environment.map { ($0.name, $0.value) }),
                through: ["setpriv", "--bounding-set", "-net_admin", "--inh-caps", "-net_admin"])
            #expect(try await daemon.notification() == "READY=1")
            let place = try NamespaceMount(of: lab.makePod())
            let error = await #expect(throws: Status.self) {
                try await node.create("web", at: place.path, by: daemon)
            }
            #expect(error?.message.contains("lacks the capability NET_ADMIN") == true, "\(String(describing: error))")
            _ = try await daemon.call(
                Hypervisor.createVM,
                .with {
                    $0.id = "plain"
                    $0.annotations = [
                        "io.kubernetes.cri.sandbox-name": "web", "io.kubernetes.cri.sandbox-namespace": "default",
                    ]
                })
            try await node.end(daemon)
            try await daemon.readLog()
            #expect(daemon.log.contains("No pod can have a network on this node"))
            #expect(daemon.log.contains("lacks the capability NET_ADMIN"))
        }
    }

    @Test("leaves nothing, whenever a shim closes its connection or stops the pod")
    func interrupted() async throws {
        try await Node.run { node in
            let daemon = try node.daemon("manager", ["-log-level", "warning", "-fake-boot-delay", "30ms"])
            #expect(try await daemon.notification() == "READY=1")
            let pods = try (0..<18).map { try node.lab.makePod($0) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for (number, pod) in pods.enumerated() {
                    group.addTask {
                        let id = "pod-\(number)"
                        _ = try await node.create(id, in: pod, by: daemon)
                        await withTaskGroup(of: Void.self) { start in
                            start.addTask { try? await node.start(id, by: daemon) }
                            // From before the cloud has answered to after the agent has.
                            try? await node.loop.sleep(for: .milliseconds(20 * number))
                            if number % 2 == 0 { try? await node.stop(id, by: daemon) }
                            start.cancelAll()
                        }
                        try await node.stop(id, by: daemon)
                    }
                }
                try await group.waitForAll()
            }
            try await node.areGone(by: daemon)
            for pod in pods { #expect(try node.leftovers(pod).isEmpty) }
            #expect(try await node.untracked.isEmpty)
            try await node.end(daemon)
        }
    }

    @Test("leaves nothing of many pods that start and stop at once")
    func many() async throws {
        try await Node.run { node in
            let daemon = try node.daemon("manager", ["-log-level", "warning"])
            #expect(try await daemon.notification() == "READY=1")
            let pods = try (0..<12).map { try node.lab.makePod($0) }
            // Without the connections to Azure: the client keeps as many as were needed at once.
            func descriptors() throws -> Int {
                let process = "/proc/\(daemon.process.pid)"
                let table = String(decoding: try DurableFile.read("\(process)/net/tcp", limit: 1 << 20), as: UTF8.self)
                let established = Set(
                    table.split(separator: "\n").map { $0.split(separator: " ") }.filter { $0[3] == "01" }.map {
                        "socket:[\($0[9])]"
                    })
                // The table has the connections of all processes of the namespace.
                return try Files.list("\(process)/fd").count { number in
                    !established.contains((try? Files.target(ofLink: "\(process)/fd/\(number)")) ?? "")
                }
            }
            func round() async throws {
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for (number, pod) in pods.enumerated() {
                        group.addTask {
                            let shell = try await node.create("pod-\(number)", in: pod, by: daemon)
                            try await node.start("pod-\(number)", by: daemon)
                            let answer = try await shell.output(of: "ping -n -c 1 -W 5 10.244.1.2")
                            #expect(answer.contains(" 0% packet loss"), "\(answer)")
                            try await node.stop("pod-\(number)", by: daemon)
                        }
                    }
                    try await group.waitForAll()
                }
                try await node.areGone(by: daemon)
                for pod in pods { #expect(try node.leftovers(pod).isEmpty) }
                #expect(try await node.untracked.isEmpty)
            }
            try await round()
            let before = try descriptors()
            try await round()
            // What was closed a moment ago may still be there.
            try await eventually(on: node.loop, "the descriptors of before") { try descriptors() <= before }
            try await node.end(daemon)
        }
    }
}
