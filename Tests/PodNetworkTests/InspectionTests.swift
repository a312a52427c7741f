import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

/// The error that `body` ends with.
func failure(_ body: () async throws -> Void) async throws -> PodNetworkError {
    do { try await body() } catch let error as PodNetworkError { return error }
    throw Unexpected()
}

/// What was to fail did not.
struct Unexpected: Error {}

extension RealNamespaces {
    @Suite("the inspection of a namespace")
    struct InspectionTests {
        private let lab: Lab
        private let pod: NetworkNamespace

        init() throws {
            lab = try Lab()
            pod = try NetworkNamespace.make(named: "pod")
        }

        @Test("finds the interface, all its addresses, routes and neighbours")
        func everything() async throws {
            let eth0 = try lab.plug(
                pod, "p", ["10.244.1.9/24", "10.244.1.10/24", "fd00:244::9/64"],
                gateways: ["10.244.1.1", "fd00:244::1"],
                mtu: 1400)
            let socket = try Lab.socket(pod)
            let neighbor = PodNeighbor(try address("10.244.1.1"), is: try ethernet("02:00:00:00:00:01"))
            try socket.add(neighbor, on: eth0)
            let route = PodRoute(
                to: try prefix("192.0.2.0/24"), through: try address("192.0.2.1"), from: try address("10.244.1.10"),
                origin: .boot, priority: 77, isOnLink: true, mtu: 1300)
            try socket.add(route, over: eth0)
            let found = try await lab.nodeNetworks.inspect(pod.path)
            #expect(found.name == "eth0" && found.mtu == 1400)
            #expect(found.hardwareAddress == eth0.hardwareAddress)
            let addresses = found.addresses.filter { !$0.address.isLinkLocal }.map(\.description)
            #expect(addresses == ["10.244.1.9/24", "10.244.1.10/24", "fd00:244::9/64"])
            #expect(found.routes.contains(route))
            let gateways = try [address("10.244.1.1"), address("fd00:244::1")]
            for gateway in gateways {
                #expect(found.routes.contains { $0.destination.isEverything && $0.gateway == gateway })
            }
            #expect(found.routes.contains { $0.origin == .kernel && $0.scope == .link && $0.gateway == nil })
            #expect(found.neighbors == [neighbor])
        }

        @Test("finds the only interface when there is no default route")
        func noDefaultRoute() async throws {
            try lab.plug(pod, "p", ["10.244.1.9/24"])
            let found = try await lab.nodeNetworks.inspect(pod.path)
            #expect(found.name == "eth0")
        }

        @Test("refuses a pod without a network, and one with two equal interfaces")
        func noneOrTwo() async throws {
            let none = try await failure { _ = try await lab.nodeNetworks.inspect(pod.path) }
            #expect(none.code == .noPrimaryInterface)
            try lab.plug(pod, "p", ["10.244.1.9/24"])
            let (inNode, inPod) = (try Lab.socket(lab.node), try Lab.socket(pod))
            try inNode.createVethPair("q", "eth1", in: pod)
            try Lab.up("q", inNode)
            let eth1 = try Lab.up("eth1", inPod, ["10.99.0.2/24"])
            let two = try await failure { _ = try await lab.nodeNetworks.inspect(pod.path) }
            #expect(two.code == .noPrimaryInterface && two.reason.contains("eth0, eth1"))
            // Two default routes: the better one decides.
            let way = PodRoute(to: .allVersion4, through: try address("10.99.0.1"), priority: 50)
            try inPod.add(way, over: eth1)
            let eth0 = try inPod.made("eth0")
            try inPod.add(PodRoute(to: .allVersion4, through: try address("10.244.1.1"), priority: 100), over: eth0)
            let found = try await lab.nodeNetworks.inspect(pod.path)
            #expect(found.name == "eth1")
            #expect(found.routes.allSatisfy { $0.gateway != (try? address("10.244.1.1")) })
        }

        @Test("refuses a path without a namespace, to a file, or to the node's own namespace")
        func wrongPath() async throws {
            let missing = try await failure { _ = try await lab.nodeNetworks.inspect("/run/netns/not-there") }
            #expect(missing.code == .missingNamespace && missing.description.contains("HostToContainer"))
            for path in ["/etc/passwd", "/tmp", "/proc/self/ns/mnt"] {
                let other = try await failure { _ = try await lab.nodeNetworks.inspect(path) }
                #expect(other.code == .unusableNamespace, "\(path)")
            }
            let own = try await failure { _ = try await lab.nodeNetworks.inspect(lab.node.path) }
            #expect(own.code == .unusableNamespace && own.remedy.contains("hostNetwork"))
        }

        @Test("finds the node's interface by name or default route, with the MTU of the path to the peer")
        func underlay() async throws {
            let peer = try address("10.0.0.2")
            let nodeNetworks = lab.nodeNetworks
            let ambiguous = try await failure { _ = try await nodeNetworks.underlay() }
            #expect(ambiguous.code == .noPrimaryInterface)
            let missing = try await failure { _ = try await nodeNetworks.underlay(named: "eth7") }
            #expect(missing.code == .noPrimaryInterface && missing.description.contains("eth7"))
            let socket = try Lab.socket(lab.node)
            let way = PodRoute(to: .allVersion4, through: try address("10.244.1.2"))
            try socket.add(way, over: try socket.made("cni0"))
            let primary = try await nodeNetworks.underlay()
            #expect(primary.interface == "cni0" && !primary.isDedicated)
            try socket.setMTU(1400, of: try socket.made("under0"))
            let named = try await nodeNetworks.underlay(named: "under0", toward: peer)
            #expect(named.isDedicated && named.mtu == 1400)
            #expect(named.address(toward: peer)?.description == "10.0.0.1/24")
            #expect(named.addresses.map(\.description) == ["10.0.0.1/24", "fd00:1::1/64"])
            // The way to the peer counts, not the interface of the default route.
            #expect(try await nodeNetworks.underlay(toward: peer).mtu == 1400)
            #expect(try await lab.vmNetworks.underlay(toward: try address("10.0.0.1")).interface == "eth0")
        }
    }

    @Suite("an obstacle")
    struct ConflictTests {
        private let lab: Lab
        private let plan: NodeNetworkPlan

        init() throws {
            lab = try Lab()
            plan = try NodeNetworkPlan(Tunnel(9, to: try address("10.0.0.2")))
        }

        @Test("is reported when another interface has the identifier, and the attempt leaves nothing")
        func identifierTaken() async throws {
            let (one, two) = (try lab.makePod(1), try lab.makePod(2))
            try await lab.nodeNetworks.setUp(plan, in: one.path)
            let before = try Census(two)
            let clash = try await failure { try await lab.nodeNetworks.setUp(plan, in: two.path) }
            #expect(clash.code == .taken && clash.description.contains("VXLAN 9") && clash.leftBehind == [])
            #expect(try Census(two) == before)
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: one.path)
            try await lab.nodeNetworks.setUp(plan, in: two.path)
        }

        @Test("is reported when an interface of another kind has the name, on both sides")
        func nameTaken() async throws {
            let pod = try lab.makePod(1)
            try Lab.socket(pod).createBridge("vxlan1")
            let before = try Census(pod)
            let clash = try await failure { try await lab.nodeNetworks.setUp(plan, in: pod.path) }
            #expect(clash.code == .taken && clash.description.contains("bridge"))
            #expect(try Census(pod) == before)
            // And it is not ours to remove.
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
            #expect(try Census(pod) == before)

            let home = try NetworkNamespace.make(named: "podns")
            try Lab.socket(home).createBridge("eth0")
            let vmPlan = GuestNetworkPlan(
                interface: "eth0", hardwareAddress: try ethernet("02:00:00:00:00:05"), mtu: 1450,
                addresses: [try prefix("10.244.1.6/24")], routes: [], neighbors: [],
                tunnel: Tunnel(9, to: try address("10.0.0.1")))
            let other = try await failure { try await lab.vmNetworks.setUp(vmPlan, in: home.path) }
            #expect(other.code == .taken)
        }

        @Test("is reported when another program has rules on the pod's interface")
        func foreignRules() async throws {
            let pod = try lab.makePod(1)
            try #require(try Lab.succeeds("tc qdisc add dev eth0 clsact", in: pod), "needs tc")
            let before = try Census(pod)
            let clash = try await failure { try await lab.nodeNetworks.setUp(plan, in: pod.path) }
            #expect(clash.code == .taken && clash.reason.contains("clsact"))
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
            #expect(try Census(pod) == before)
        }

        @Test(
            "is reported when another VXLAN interface has the port: a warning, or an error if it takes the whole port")
        func otherTunnels() async throws {
            #expect(try await lab.nodeNetworks.otherTunnels(on: Lab.port) == [])
            let flannel =
                "ip link add flannel.1 type vxlan id 1 dev under0 dstport 4789 nolearning && ip link set flannel.1 up"
            try #require(try Lab.succeeds(flannel, in: lab.node), "needs ip")
            let beside = try await lab.nodeNetworks.otherTunnels(on: Lab.port)
            #expect(beside.map(\.interface) == ["flannel.1"] && !beside[0].isExclusive)
            #expect(try await lab.nodeNetworks.otherTunnels(on: 8472) == [])
            let pod = try lab.makePod(1)
            try await lab.nodeNetworks.setUp(plan, in: pod.path)
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)

            let cilium =
                "ip link del flannel.1; ip link add cilium_vxlan type vxlan external dstport 4789 && ip link set cilium_vxlan up"
            try #require(try Lab.succeeds(cilium, in: lab.node), "needs ip")
            let exclusive = try await lab.nodeNetworks.otherTunnels(on: Lab.port)
            #expect(exclusive.map(\.interface) == ["cilium_vxlan"] && exclusive[0].isExclusive)
            let before = try Census(pod)
            let clash = try await failure { try await lab.nodeNetworks.setUp(plan, in: pod.path) }
            #expect(clash.code == .taken && clash.remedy.contains("-vxlan-port"), "\(clash)")
            #expect(try Census(pod) == before)
        }

        @Test("does not prevent removal: removing twice, or after the namespace or interface is gone, succeeds")
        func gone() async throws {
            var pod: NetworkNamespace? = try lab.makePod(1)
            let path = try #require(pod?.path)
            try await lab.nodeNetworks.setUp(plan, in: path)
            // The tunnel of another pod is not ours.
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", identifier: 10, in: path)
            #expect(try Lab.socket(try #require(pod)).link(named: "vxlan1") != nil)
            for _ in 0..<2 {
                try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", identifier: 9, in: path)
                try await lab.vmNetworks.removeGuestNetwork(interface: "none", in: path)
            }
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth9", in: path)
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: "/run/netns/not-there")
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: "/etc/passwd")
            let missing = try await failure { try await lab.nodeNetworks.setUp(plan, in: "/run/netns/not-there") }
            #expect(missing.code == .missingNamespace)
            pod = nil
        }

        @Test("is reported when the pod's interface is missing")
        func noInterface() async throws {
            let pod = try lab.makePod(1)
            var other = plan
            other.podInterface = "net1"
            let missing = try await failure { try await lab.nodeNetworks.setUp(other, in: pod.path) }
            #expect(missing.code == .noPrimaryInterface && missing.object.contains("net1"))
            #expect(try Lab.socket(pod).link(named: "vxlan1") == nil)
        }
    }
}
