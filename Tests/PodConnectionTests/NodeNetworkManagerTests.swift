import LinuxIO
import NetworkRig
import PacketFilter
import PodVMBoot
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@testable import PodConnection
@testable import PodNetwork

/// A node in a namespace of the test, with pods that a CNI plugin has made, and a VM.
private final class NetworkScene: Sendable {
    let lab: Lab
    let directory: TemporaryDirectory
    let log = LogLines()
    let loop: EpollLoop

    init(on loop: EpollLoop) throws {
        self.loop = loop
        lab = try Lab()
        directory = try TemporaryDirectory()
    }

    /// The adaptor's manager; each stands for another process.
    func makeManager(
        interface: String = "under0", faults: NetlinkFaults = .none,
        _ change: (inout NetworkSettings) -> Void = { _ in },
        filter: (@Sendable () throws -> UntrackedPeers)? = nil
    ) -> NodeNetworkManager {
        var settings = NetworkSettings()
        change(&settings)
        let node = lab.node
        return NodeNetworkManager(
            settings, reachedBy: interface, executor: PodNetworkExecutor(in: node, faults: faults),
            untracked: UntrackedTunnels(
                logger: log.logger, makeFilter: filter ?? { try UntrackedPeers(port: 4789, in: node) }),
            logger: log.logger)
    }

    /// A sandbox's directory.
    func directory(of sandbox: SandboxID) throws -> String {
        let path = "\(directory.path)/\(sandbox)"
        try Files.makeDirectories(path)
        return path
    }

    func prepare(_ name: String, _ pod: NetworkNamespace, by manager: NodeNetworkManager) async throws
        -> GuestNetworkPlan
    {
        let sandbox = try SandboxID(validating: name)
        return try await manager.prepare(sandbox, namespacePath: pod.path, in: try directory(of: sandbox)).plan()
    }

    func connect(_ name: String, at addresses: [String] = ["10.0.0.2"], by manager: NodeNetworkManager) async throws {
        try await manager.connect(
            try SandboxID(validating: name), to: Instance(id: InstanceID(rawValue: "vm"), addresses: addresses))
    }

    /// What is left of a sandbox's network in its namespace.
    func leftovers(_ pod: NetworkNamespace) throws -> [String] {
        let socket = try Lab.socket(pod)
        let links = try socket.links()
        return try links.filter { $0.vxlan != nil }.map(\.name)
            + links.filter { try socket.incomingRule(of: $0) != .none }.map { "rules on \($0.name)" }
    }

    var untracked: [String] { get async throws { try await UntrackedPeers(port: 4789, in: lab.node).all() } }

    /// Returns once the condition holds.
    func eventually(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await loop.sleep(for: .milliseconds(5)) }
    }
}

/// Runs `body` beside a manager of the scene's node, which then ends.
private func networkScene(
    _ make: @escaping @Sendable (NetworkScene) -> NodeNetworkManager = { $0.makeManager() },
    _ body: @escaping @Sendable (NetworkScene, NodeNetworkManager) async throws -> Void
) async throws {
    try await onLoop { loop in
        let scene = try NetworkScene(on: loop)
        let manager = make(scene)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await manager.run() }
            defer { group.cancelAll() }
            try await body(scene, manager)
        }
    }
}

@Suite(
    "The pods' networks of a node",
    .enabled(if: canMakeNamespaces, "needs NET_ADMIN and SYS_ADMIN, to make network namespaces"))
struct NodeNetworkManagerTests {
    @Test("reach the VM as planned, and leave nothing when the VM is gone")
    func wholeLife() async throws {
        try await networkScene { scene, manager in
            let pod = try scene.lab.makePod()
            let plan = try await scene.prepare("a", pod, by: manager)
            #expect(plan.tunnel.identifier >= 555_000)
            #expect(plan.tunnel.remote == (try address("10.0.0.1")))
            #expect(plan.mtu == 1450)
            let file = "\(scene.directory.path)/a/network.json"
            #expect(Files.permissions(file) == 0o600)
            #expect(try scene.leftovers(pod).isEmpty, "no VM exists yet")

            let podns = try NetworkNamespace.make(named: "podns")
            try await scene.lab.vmNetworks.setUp(plan, in: podns.path)
            try await scene.connect("a", by: manager)
            #expect(try SandboxNetworkRecord.read(in: "\(scene.directory.path)/a")?.peers == [address("10.0.0.2")])
            #expect(try Lab.pings("10.244.1.2", from: podns))
            #expect(try Lab.pings("10.244.1.10", from: scene.lab.client))
            try await scene.eventually { try await scene.untracked == ["10.0.0.2"] }

            let sandbox = try SandboxID(validating: "a")
            manager.beginRemoval(sandbox)
            try await scene.eventually { try scene.leftovers(pod).isEmpty }
            #expect(manager.count == 1, "the VM may still send")
            try await manager.release(sandbox)
            try await manager.release(sandbox)
            #expect(manager.count == 0)
            #expect(!Files.exists(file))
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("have unique identifiers until the VM is gone, also after a restart")
    func identifiers() async throws {
        try await networkScene({ $0.makeManager { $0.vxlanMinimumID = 0xFF_FFFD } }) { scene, manager in
            let pods = try (0..<4).map { try scene.lab.makePod($0) }
            let first = try await scene.prepare("a", pods[0], by: manager).tunnel.identifier
            #expect((0xFF_FFFD...0xFF_FFFF).contains(first))
            let second = try await scene.prepare("b", pods[1], by: manager).tunnel.identifier
            #expect(second != first)
            try await manager.release(try SandboxID(validating: "a"))

            let next = scene.makeManager { $0.vxlanMinimumID = 0xFF_FFFE }
            for name in ["a", "b"] {
                let sandbox = try SandboxID(validating: name)
                next.adopt(sandbox, in: try scene.directory(of: sandbox))
            }
            #expect(next.count == 1)
            let third = try await scene.prepare("c", pods[2], by: next).tunnel.identifier
            #expect(third != second && third >= 0xFF_FFFE)
            try await next.release(try SandboxID(validating: "b"))
            #expect(next.count == 1)
        }
    }

    @Test("get another identifier when another program's interface in a pod has the one drawn")
    func foreignTunnel() async throws {
        let first = 0xFF_FFFE
        try await networkScene({ $0.makeManager { $0.vxlanMinimumID = first } }) { scene, manager in
            let pods = try (0..<4).map { try scene.lab.makePod($0) }
            // As an adaptor of another make leaves it when it is killed: the node's own namespace does not show it.
            try Lab.socket(scene.lab.node).createTunnel(
                Tunnel(UInt32(first), to: try address("10.0.0.9")), named: "vxlan1", address: nil, mtu: 1450,
                in: pods[3])
            #expect(try await scene.prepare("a", pods[0], by: manager).tunnel.identifier == first + 1)
            try await scene.connect("a", by: manager)
            let error = await #expect(throws: ConnectorError.self) {
                try await scene.prepare("b", pods[1], by: manager)
            }
            #expect(error?.code == .resourceExhausted)
            #expect(scene.log.contains("VXLAN interface of another program") && scene.log.contains("\(first)"))
            let inPod = try Lab.socket(pods[3])
            try inPod.delete(try inPod.made("vxlan1"))
            #expect(try await scene.prepare("b", pods[1], by: manager).tunnel.identifier == first)
        }
    }

    @Test("leave no untracked hosts when an operator has removed the records")
    func removedByHand() async throws {
        try await networkScene { scene, manager in
            let pods = try (0..<2).map { try scene.lab.makePod($0) }
            for (name, pod, peer) in [("kept", pods[0], "10.0.0.2"), ("removed", pods[1], "10.0.0.9")] {
                _ = try await scene.prepare(name, pod, by: manager)
                try await scene.connect(name, at: [peer], by: manager)
            }
            try await scene.eventually { try await scene.untracked == ["10.0.0.2", "10.0.0.9"] }
            for names in [["kept"], []] {
                let next = scene.makeManager()
                for name in names {
                    let sandbox = try SandboxID(validating: name)
                    next.adopt(sandbox, in: try scene.directory(of: sandbox))
                }
                try await withThrowingTaskGroup(of: Void.self) { group in
                    group.addTask { await next.run() }
                    defer { group.cancelAll() }
                    try await scene.eventually { try await scene.untracked == (names.isEmpty ? [] : ["10.0.0.2"]) }
                }
            }
        }
    }

    @Test("survive a restart, and are repaired where they are broken")
    func restart() async throws {
        try await networkScene { scene, manager in
            let (whole, broken) = (try scene.lab.makePod(1), try scene.lab.makePod(2))
            for (name, pod) in [("whole", whole), ("broken", broken)] {
                _ = try await scene.prepare(name, pod, by: manager)
                try await scene.connect(name, by: manager)
            }
            let before = try #require(try Lab.socket(whole).link(named: "vxlan1"))
            let inside = try Lab.socket(broken)
            try inside.delete(try #require(try inside.link(named: "vxlan1")))

            let next = scene.makeManager()
            for name in ["whole", "broken"] {
                let sandbox = try SandboxID(validating: name)
                next.adopt(sandbox, in: try scene.directory(of: sandbox))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await next.run() }
                defer { group.cancelAll() }
                try await scene.eventually { scene.log.contains("was repaired") }
            }
            #expect(try inside.link(named: "vxlan1")?.isUp == true)
            #expect(try Lab.socket(whole).link(named: "vxlan1")?.index == before.index, "it was left alone")
            #expect(scene.log.text.contains("\"sandbox\":\"broken\""))
            #expect(!scene.log.text.contains("\"sandbox\":\"whole\""))
        }
    }

    @Test("are removed by the next process if this one has not removed them")
    func unfinished() async throws {
        try await networkScene { scene, manager in
            let pod = try scene.lab.makePod()
            _ = try await scene.prepare("a", pod, by: manager)
            try await scene.connect("a", by: manager)
            try await scene.eventually { try await scene.untracked == ["10.0.0.2"] }
            let sandbox = try SandboxID(validating: "a")
            let next = scene.makeManager()
            next.adopt(sandbox, in: try scene.directory(of: sandbox))
            // This manager does not run, so the removal that it begins does not happen.
            next.beginRemoval(sandbox)
            try await next.release(sandbox)
            #expect(try scene.leftovers(pod).isEmpty)
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("lead to the new VM when the cloud has replaced the VM")
    func another() async throws {
        try await networkScene { scene, manager in
            let pod = try scene.lab.makePod()
            _ = try await scene.prepare("a", pod, by: manager)
            try await scene.connect("a", at: ["10.0.0.9"], by: manager)
            try await scene.connect("a", at: ["10.0.0.2"], by: manager)
            #expect(try Lab.socket(pod).link(named: "vxlan1")?.vxlan?.remote == address("10.0.0.2"))
            try await scene.eventually { try await scene.untracked == ["10.0.0.2", "10.0.0.9"] }
            try await manager.release(try SandboxID(validating: "a"))
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("stay out of connection tracking when another sandbox with the same VM address ends")
    func sharedAddress() async throws {
        try await networkScene { scene, manager in
            let pods = try (0..<2).map { try scene.lab.makePod($0) }
            for (name, pod) in zip(["old", "new"], pods) {
                _ = try await scene.prepare(name, pod, by: manager)
                try await scene.connect(name, by: manager)
            }
            try await scene.eventually { try await scene.untracked == ["10.0.0.2"] }
            try await manager.release(try SandboxID(validating: "old"))
            #expect(try await scene.untracked == ["10.0.0.2"])
            try await manager.release(try SandboxID(validating: "new"))
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("work without a packet filter, and one warning says so")
    func withoutFilter() async throws {
        struct NoFilter: Error {}
        try await networkScene({ $0.makeManager(filter: { throw NoFilter() }) }) { scene, manager in
            let pods = try (0..<3).map { try scene.lab.makePod($0) }
            for (name, pod) in zip(["a", "b", "c"], pods) {
                _ = try await scene.prepare(name, pod, by: manager)
                try await scene.connect(name, by: manager)
            }
            for name in ["a", "b", "c"] { try await manager.release(try SandboxID(validating: name)) }
            #expect(scene.log.lines.filter { $0.contains("table of connections") }.count == 1)
        }
    }

    @Test("are refused with an error that says why")
    func refusals() async throws {
        try await networkScene { scene, manager in
            let pod = try scene.lab.makePod()
            let bare = try NetworkNamespace.make(named: "bare")
            _ = try await scene.prepare("a", pod, by: manager)
            for (path, code, words) in [
                ("/run/netns/nowhere-at-all", ConnectorError.Code.invalidRequest, "does not exist"),
                ("/etc/passwd", .invalidRequest, "not a network namespace"),
                (scene.lab.node.path, .invalidRequest, "host's own"),
                (bare.path, .invalidRequest, "no default route"),
                (pod.path, .invalidRequest, "sandbox a already"),
            ] {
                let sandbox = try SandboxID(validating: "b")
                let directory = try scene.directory(of: sandbox)
                let error = await #expect(throws: ConnectorError.self) {
                    try await manager.prepare(sandbox, namespacePath: path, in: directory)
                }
                #expect(error?.code == code)
                #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
                try await manager.release(sandbox)
                #expect(manager.count == 1)
                #expect(try Files.list(directory).isEmpty)
            }
        }
    }

    @Test("are refused where the node lacks the configured interface, and the start logs it too")
    func wrongInterface() async throws {
        try await networkScene({ $0.makeManager { $0.hostInterface = "nonesuch" } }) { scene, manager in
            await manager.checkNode()
            #expect(scene.log.contains("Correct -host-interface"))
            let pod = try scene.lab.makePod()
            let error = await #expect(throws: ConnectorError.self) { try await scene.prepare("a", pod, by: manager) }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("Correct -host-interface") == true)
        }
    }

    @Test("use an interface of their own only where the operator names one other than the default route's")
    func dedicated() async throws {
        for (route, operators, isDedicated) in [
            ("under0", "under0", false), ("cni0", "under0", true), ("cni0", "", false),
        ] {
            try await networkScene({ $0.makeManager { $0.hostInterface = operators } }) { scene, manager in
                let gateway = route == "cni0" ? "10.244.1.2" : "10.0.0.2"
                try #require(
                    try Lab.succeeds("ip route replace default via \(gateway) dev \(route)", in: scene.lab.node),
                    "needs ip")
                let pod = try scene.lab.makePod()
                let sandbox = try SandboxID(validating: "a")
                let told = try await manager.prepare(
                    sandbox, namespacePath: pod.path, in: try scene.directory(of: sandbox))
                #expect(told.isDedicated == isDedicated)
                // The second address is that of the VM's second interface.
                try await scene.connect("a", at: ["10.0.0.2", "10.0.0.3"], by: manager)
                let vxlan = try #require(try Lab.socket(pod).link(named: "vxlan1")?.vxlan)
                #expect(vxlan.remote == (try address(isDedicated ? "10.0.0.3" : "10.0.0.2")))
                try await manager.release(sandbox)
            }
        }
    }

    @Test("are refused as long as another interface takes the whole UDP port")
    func takenPort() async throws {
        try await networkScene { scene, manager in
            try #require(
                try Lab.succeeds("ip link add cilium_vxlan type vxlan external dstport 4789", in: scene.lab.node),
                "needs ip")
            await manager.checkNode()
            #expect(scene.log.contains("Choose another -vxlan-port"))
            let pod = try scene.lab.makePod()
            let error = await #expect(throws: ConnectorError.self) { try await scene.prepare("a", pod, by: manager) }
            #expect(error?.message.contains("Choose another -vxlan-port") == true)
            #expect(try Lab.succeeds("ip link del cilium_vxlan", in: scene.lab.node))
            _ = try await scene.prepare("a", pod, by: manager)
        }
    }

    @Test("route the operator's pod subnets of the pod's IP families in the VM")
    func podSubnets() async throws {
        try await networkScene({ $0.makeManager { $0.podSubnets = ["10.96.0.0/12", "fd00:96::/108"] } }) {
            scene, manager in
            let pods = (try scene.lab.makePod(1), try scene.lab.makePod(2, isDual: true))
            let single = try await scene.prepare("single", pods.0, by: manager)
            #expect(single.routes.contains { $0.destination.description == "10.96.0.0/12" })
            #expect(!single.routes.contains { $0.destination.description == "fd00:96::/108" })
            let dual = try await scene.prepare("dual", pods.1, by: manager)
            #expect(dual.routes.contains { $0.destination.description == "fd00:96::/108" })
        }
    }

    @Test("end a start when the node's side cannot be set up, and leave nothing")
    func failedJoin() async throws {
        try await networkScene { scene, manager in
            let pod = try scene.lab.makePod()
            _ = try await scene.prepare("a", pod, by: manager)
            try #require(
                try Lab.succeeds("ip link add vxlan1 type bridge", in: pod), "needs ip")
            let error = await #expect(throws: ConnectorError.self) { try await scene.connect("a", by: manager) }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("vxlan1") == true)
            let version6 = await #expect(throws: ConnectorError.self) {
                try await scene.connect("a", at: ["fd00:1::2"], by: manager)
            }
            #expect(version6?.message.contains("no IPv4 address") == true)
            try await manager.release(try SandboxID(validating: "a"))
            #expect(try scene.leftovers(pod).isEmpty)
            #expect(manager.count == 0)
        }
    }

    @Test("with an unreadable record are logged, and do not affect others")
    func unreadable() async throws {
        try await networkScene { scene, manager in
            for (name, text) in [
                ("empty", ""), ("other", "{\"version\": 9}"), ("odd", "{\"version\": 1, \"vxlanID\": -1}"),
            ] {
                let sandbox = try SandboxID(validating: name)
                let directory = try scene.directory(of: sandbox)
                try Files.write(text.utf8, to: directory + "/network.json", at: 0, mode: 0o600)
                manager.adopt(sandbox, in: directory)
                #expect(scene.log.text.contains("\"sandbox\":\"\(name)\""))
            }
            manager.adopt(try SandboxID(validating: "none"), in: "/nowhere")
            #expect(manager.count == 0)
            #expect(scene.log.lines.count == 3)
        }
    }
}

/// A log that a test can read.
private final class LogLines: Sendable {
    private let found = Lock<[String]>([])

    var lines: [String] { found.withLock { $0 } }
    var text: String { lines.joined(separator: "\n") }
    func contains(_ words: String) -> Bool { text.contains(words) }

    var logger: Logger {
        Logger(level: .info, format: .json) { line in
            self.found.withLock { $0.append(String(decoding: line, as: UTF8.self)) }
        }
    }
}
