import LinuxIO
import NetworkRig
import PacketFilter
import PodVMBoot
import PodVMLifecycle
import Telemetry
import TestSupport
import Testing

@testable import CloudAPIAdaptor
@testable import PodNetwork

/// A node whose namespace is a test's own, with pods that a CNI has made, and a VM.
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

    /// The adaptor's part of it; each is another process.
    func makeHost(
        interface: String = "under0", gate: NetlinkGate = .open, _ change: (inout NetworkSettings) -> Void = { _ in },
        filter: (@Sendable () throws -> UntrackedPeers)? = nil
    ) -> NodeNetworkManager {
        var settings = NetworkSettings()
        change(&settings)
        let node = lab.node
        return NodeNetworkManager(
            settings, reachedBy: interface, networks: PodNetworkExecutor(in: node, gate: gate),
            untracked: UntrackedTunnels(
                logger: log.logger, makeFilter: filter ?? { try UntrackedPeers(port: 4789, in: node) }),
            logger: log.logger)
    }

    /// What a sandbox has on disk.
    func directory(of sandbox: SandboxID) throws -> String {
        let path = "\(directory.path)/\(sandbox)"
        try Files.makeDirectories(path)
        return path
    }

    func prepare(_ name: String, _ pod: NetworkNamespace, by host: NodeNetworkManager) async throws -> GuestNetworkPlan
    {
        let sandbox = try SandboxID(validating: name)
        return try await host.prepare(sandbox, namespacePath: pod.path, in: try directory(of: sandbox)).plan()
    }

    func join(_ name: String, at addresses: [String] = ["10.0.0.2"], by host: NodeNetworkManager) async throws {
        try await host.join(
            try SandboxID(validating: name), to: Instance(id: InstanceID(rawValue: "vm"), addresses: addresses))
    }

    /// What is left of a sandbox's end in its namespace.
    func leftovers(_ pod: NetworkNamespace) throws -> [String] {
        let socket = try Lab.socket(pod)
        let links = try socket.links()
        return try links.filter { $0.vxlan != nil }.map(\.name)
            + links.filter { try socket.incomingRule(of: $0) != .none }.map { "rules on \($0.name)" }
    }

    var untracked: [String] { get async throws { try await UntrackedPeers(port: 4789, in: lab.node).all() } }

    /// Returns once it is so.
    func eventually(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await loop.sleep(for: .milliseconds(5)) }
    }
}

/// Runs `body` beside a host of the scene's, which then ends.
private func networkScene(
    _ make: @escaping @Sendable (NetworkScene) -> NodeNetworkManager = { $0.makeHost() },
    _ body: @escaping @Sendable (NetworkScene, NodeNetworkManager) async throws -> Void
) throws {
    try onLoop { loop in
        let scene = try NetworkScene(on: loop)
        let host = make(scene)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await host.run() }
            defer { group.cancelAll() }
            try await body(scene, host)
        }
    }
}

@Suite(
    "The pods' networks of a node",
    .enabled(if: canMakeNamespaces, "needs NET_ADMIN and SYS_ADMIN, to make network namespaces"))
struct NodeNetworkManagerTests {
    @Test("reach the VM as it was told, and leave nothing when it is gone")
    func wholeLife() throws {
        try networkScene { scene, host in
            let pod = try scene.lab.makePod()
            let plan = try await scene.prepare("a", pod, by: host)
            #expect(plan.tunnel.identifier >= 555_000)
            #expect(plan.tunnel.remote == (try address("10.0.0.1")))
            #expect(plan.mtu == 1450)
            let file = "\(scene.directory.path)/a/network.json"
            #expect(Files.permissions(file) == 0o600)
            #expect(try scene.leftovers(pod).isEmpty, "there is no VM to send to yet")

            let podns = try NetworkNamespace.make(named: "podns")
            try await scene.lab.vmNetworks.setUp(plan, in: podns.path)
            try await scene.join("a", by: host)
            #expect(try SandboxNetworkRecord.read(in: "\(scene.directory.path)/a")?.peers == [address("10.0.0.2")])
            #expect(try Lab.pings("10.244.1.2", from: podns))
            #expect(try Lab.pings("10.244.1.10", from: scene.lab.client))
            try await scene.eventually { try await scene.untracked == ["10.0.0.2"] }

            let sandbox = try SandboxID(validating: "a")
            host.beginTearDown(sandbox)
            try await scene.eventually { try scene.leftovers(pod).isEmpty }
            #expect(host.count == 1, "the VM may still send")
            try await host.release(sandbox)
            try await host.release(sandbox)
            #expect(host.count == 0)
            #expect(!Files.exists(file))
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("have each an identifier that nobody else has before the VM is gone, also after a restart")
    func identifiers() throws {
        try networkScene({ $0.makeHost { $0.vxlanMinimumID = 0xFF_FFFD } }) { scene, host in
            let pods = try (0..<4).map { try scene.lab.makePod($0) }
            let first = try await scene.prepare("a", pods[0], by: host).tunnel.identifier
            #expect((0xFF_FFFD...0xFF_FFFF).contains(first))
            let second = try await scene.prepare("b", pods[1], by: host).tunnel.identifier
            #expect(second != first)
            try await host.release(try SandboxID(validating: "a"))

            let next = scene.makeHost { $0.vxlanMinimumID = 0xFF_FFFE }
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

    @Test("get another identifier when the one drawn is that of an interface that another program has left in a pod")
    func foreignTunnel() throws {
        let first = 0xFF_FFFE
        try networkScene({ $0.makeHost { $0.vxlanMinimumID = first } }) { scene, host in
            let pods = try (0..<4).map { try scene.lab.makePod($0) }
            // As an adaptor of another make leaves it when it is killed: the node's own namespace does not show it.
            try Lab.socket(scene.lab.node).createTunnel(
                Tunnel(UInt32(first), to: try address("10.0.0.9")), named: "vxlan1", address: nil, mtu: 1450,
                in: pods[3])
            #expect(try await scene.prepare("a", pods[0], by: host).tunnel.identifier == first + 1)
            try await scene.join("a", by: host)
            let error = await #expect(throws: ConnectorError.self) { try await scene.prepare("b", pods[1], by: host) }
            #expect(error?.code == .resourceExhausted)
            #expect(scene.log.contains("VXLAN interface of another program") && scene.log.contains("\(first)"))
            let inPod = try Lab.socket(pods[3])
            try inPod.delete(try inPod.made("vxlan1"))
            #expect(try await scene.prepare("b", pods[1], by: host).tunnel.identifier == first)
        }
    }

    @Test("leave no untracked hosts behind when their records were removed by hand")
    func removedByHand() throws {
        try networkScene { scene, host in
            let pods = try (0..<2).map { try scene.lab.makePod($0) }
            for (name, pod, peer) in [("kept", pods[0], "10.0.0.2"), ("removed", pods[1], "10.0.0.9")] {
                _ = try await scene.prepare(name, pod, by: host)
                try await scene.join(name, at: [peer], by: host)
            }
            try await scene.eventually { try await scene.untracked == ["10.0.0.2", "10.0.0.9"] }
            for names in [["kept"], []] {
                let next = scene.makeHost()
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

    @Test("go on through a restart, and are mended where they are broken")
    func restart() throws {
        try networkScene { scene, host in
            let (whole, broken) = (try scene.lab.makePod(1), try scene.lab.makePod(2))
            for (name, pod) in [("whole", whole), ("broken", broken)] {
                _ = try await scene.prepare(name, pod, by: host)
                try await scene.join(name, by: host)
            }
            let before = try #require(try Lab.socket(whole).link(named: "vxlan1"))
            let inside = try Lab.socket(broken)
            try inside.delete(try #require(try inside.link(named: "vxlan1")))

            let next = scene.makeHost()
            for name in ["whole", "broken"] {
                let sandbox = try SandboxID(validating: name)
                next.adopt(sandbox, in: try scene.directory(of: sandbox))
            }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await next.run() }
                defer { group.cancelAll() }
                try await scene.eventually { scene.log.contains("was mended") }
            }
            #expect(try inside.link(named: "vxlan1")?.isUp == true)
            #expect(try Lab.socket(whole).link(named: "vxlan1")?.index == before.index, "it was left alone")
            #expect(scene.log.text.contains("\"sandbox\":\"broken\""))
            #expect(!scene.log.text.contains("\"sandbox\":\"whole\""))
        }
    }

    @Test("are taken away by the next process when this one has not come to it")
    func unfinished() throws {
        try networkScene { scene, host in
            let pod = try scene.lab.makePod()
            _ = try await scene.prepare("a", pod, by: host)
            try await scene.join("a", by: host)
            try await scene.eventually { try await scene.untracked == ["10.0.0.2"] }
            let sandbox = try SandboxID(validating: "a")
            let next = scene.makeHost()
            next.adopt(sandbox, in: try scene.directory(of: sandbox))
            // Nobody runs it: what was begun by disconnecting does not happen.
            next.beginTearDown(sandbox)
            try await next.release(sandbox)
            #expect(try scene.leftovers(pod).isEmpty)
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("lead to another VM when the cloud has brought another")
    func another() throws {
        try networkScene { scene, host in
            let pod = try scene.lab.makePod()
            _ = try await scene.prepare("a", pod, by: host)
            try await scene.join("a", at: ["10.0.0.9"], by: host)
            try await scene.join("a", at: ["10.0.0.2"], by: host)
            #expect(try Lab.socket(pod).link(named: "vxlan1")?.vxlan?.remote == address("10.0.0.2"))
            try await scene.eventually { try await scene.untracked == ["10.0.0.2", "10.0.0.9"] }
            try await host.release(try SandboxID(validating: "a"))
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("do not stop another's packets from being untracked that has come to have the same address")
    func sharedAddress() throws {
        try networkScene { scene, host in
            let pods = try (0..<2).map { try scene.lab.makePod($0) }
            for (name, pod) in zip(["old", "new"], pods) {
                _ = try await scene.prepare(name, pod, by: host)
                try await scene.join(name, by: host)
            }
            try await scene.eventually { try await scene.untracked == ["10.0.0.2"] }
            try await host.release(try SandboxID(validating: "old"))
            #expect(try await scene.untracked == ["10.0.0.2"])
            try await host.release(try SandboxID(validating: "new"))
            #expect(try await scene.untracked.isEmpty)
        }
    }

    @Test("work without a packet filter, which is said once")
    func withoutFilter() throws {
        struct NoFilter: Error {}
        try networkScene({ $0.makeHost(filter: { throw NoFilter() }) }) { scene, host in
            let pods = try (0..<3).map { try scene.lab.makePod($0) }
            for (name, pod) in zip(["a", "b", "c"], pods) {
                _ = try await scene.prepare(name, pod, by: host)
                try await scene.join(name, by: host)
            }
            for name in ["a", "b", "c"] { try await host.release(try SandboxID(validating: name)) }
            #expect(scene.log.lines.filter { $0.contains("table of connections") }.count == 1)
        }
    }

    @Test("are refused where they cannot be, with a sentence")
    func refusals() throws {
        try networkScene { scene, host in
            let pod = try scene.lab.makePod()
            let bare = try NetworkNamespace.make(named: "bare")
            _ = try await scene.prepare("a", pod, by: host)
            for (path, code, words) in [
                ("/run/netns/nowhere-at-all", ConnectorError.Code.invalidRequest, "not there"),
                ("/etc/passwd", .invalidRequest, "no network namespace"),
                (scene.lab.node.path, .invalidRequest, "host's own"),
                (bare.path, .invalidRequest, "no default route"),
                (pod.path, .invalidRequest, "sandbox a already"),
            ] {
                let sandbox = try SandboxID(validating: "b")
                let directory = try scene.directory(of: sandbox)
                let error = await #expect(throws: ConnectorError.self) {
                    try await host.prepare(sandbox, namespacePath: path, in: directory)
                }
                #expect(error?.code == code)
                #expect(error?.message.contains(words) == true, "\(error?.message ?? "")")
                try await host.release(sandbox)
                #expect(host.count == 1)
                #expect(try Files.list(directory).isEmpty)
            }
        }
    }

    @Test("are not, where the node has no such interface, and that is said at the start, too")
    func wrongInterface() throws {
        try networkScene({ $0.makeHost { $0.hostInterface = "nonesuch" } }) { scene, host in
            await host.look()
            #expect(scene.log.contains("Correct -host-interface"))
            let pod = try scene.lab.makePod()
            let error = await #expect(throws: ConnectorError.self) { try await scene.prepare("a", pod, by: host) }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("Correct -host-interface") == true)
        }
    }

    @Test("go over an interface of their own only where the operator names one that is not the default route's")
    func dedicated() throws {
        for (route, operators, isDedicated) in [
            ("under0", "under0", false), ("cni0", "under0", true), ("cni0", "", false),
        ] {
            try networkScene({ $0.makeHost { $0.hostInterface = operators } }) { scene, host in
                let gateway = route == "cni0" ? "10.244.1.2" : "10.0.0.2"
                try #require(
                    try Lab.succeeds("ip route replace default via \(gateway) dev \(route)", in: scene.lab.node),
                    "needs ip")
                let pod = try scene.lab.makePod()
                let sandbox = try SandboxID(validating: "a")
                let told = try await host.prepare(
                    sandbox, namespacePath: pod.path, in: try scene.directory(of: sandbox))
                #expect(told.isDedicated == isDedicated)
                // The second address is that of the VM's second interface.
                try await scene.join("a", at: ["10.0.0.2", "10.0.0.3"], by: host)
                let vxlan = try #require(try Lab.socket(pod).link(named: "vxlan1")?.vxlan)
                #expect(vxlan.remote == (try address(isDedicated ? "10.0.0.3" : "10.0.0.2")))
                try await host.release(sandbox)
            }
        }
    }

    @Test("are not, as long as somebody else has the tunnels' port to himself")
    func takenPort() throws {
        try networkScene { scene, host in
            try #require(
                try Lab.succeeds("ip link add cilium_vxlan type vxlan external dstport 4789", in: scene.lab.node),
                "needs ip")
            await host.look()
            #expect(scene.log.contains("Choose another -vxlan-port"))
            let pod = try scene.lab.makePod()
            let error = await #expect(throws: ConnectorError.self) { try await scene.prepare("a", pod, by: host) }
            #expect(error?.message.contains("Choose another -vxlan-port") == true)
            #expect(try Lab.succeeds("ip link del cilium_vxlan", in: scene.lab.node))
            _ = try await scene.prepare("a", pod, by: host)
        }
    }

    @Test("bring the VM to the networks that the operator names, of the families that the pod has")
    func podSubnets() throws {
        try networkScene({ $0.makeHost { $0.podSubnets = ["10.96.0.0/12", "fd00:96::/108"] } }) { scene, host in
            let pods = (try scene.lab.makePod(1), try scene.lab.makePod(2, isDual: true))
            let single = try await scene.prepare("single", pods.0, by: host)
            #expect(single.routes.contains { $0.destination.description == "10.96.0.0/12" })
            #expect(!single.routes.contains { $0.destination.description == "fd00:96::/108" })
            let dual = try await scene.prepare("dual", pods.1, by: host)
            #expect(dual.routes.contains { $0.destination.description == "fd00:96::/108" })
        }
    }

    @Test("end a start that the node cannot do its part of, and leave nothing")
    func failedJoin() throws {
        try networkScene { scene, host in
            let pod = try scene.lab.makePod()
            _ = try await scene.prepare("a", pod, by: host)
            try #require(
                try Lab.succeeds("ip link add vxlan1 type bridge", in: pod), "needs ip")
            let error = await #expect(throws: ConnectorError.self) { try await scene.join("a", by: host) }
            #expect(error?.code == .failed)
            #expect(error?.message.contains("vxlan1") == true)
            let version6 = await #expect(throws: ConnectorError.self) {
                try await scene.join("a", at: ["fd00:1::2"], by: host)
            }
            #expect(version6?.message.contains("no IPv4 address") == true)
            try await host.release(try SandboxID(validating: "a"))
            #expect(try scene.leftovers(pod).isEmpty)
            #expect(host.count == 0)
        }
    }

    @Test("that cannot be read are named, and are nobody else's business")
    func unreadable() throws {
        try networkScene { scene, host in
            for (name, text) in [
                ("empty", ""), ("other", "{\"version\": 9}"), ("odd", "{\"version\": 1, \"vxlanID\": -1}"),
            ] {
                let sandbox = try SandboxID(validating: name)
                let directory = try scene.directory(of: sandbox)
                try Files.write(text.utf8, to: directory + "/network.json", at: 0, mode: 0o600)
                host.adopt(sandbox, in: directory)
                #expect(scene.log.text.contains("\"sandbox\":\"\(name)\""))
            }
            host.adopt(try SandboxID(validating: "none"), in: "/nowhere")
            #expect(host.count == 0)
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
