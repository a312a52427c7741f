import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

/// What has to be root; each suite of it is inside of this one, so that they come one by one.
@Suite(
    "the pod's network, in real namespaces", .serialized,
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
enum RealNamespaces {}

/// A pod with both ends of its network.
struct Joined {
    let lab: Lab
    let pod: NetworkNamespace
    let home: NetworkNamespace
    let interface: PodInterface
    let nodePlan: NodeNetworkPlan
    let vmPlan: GuestNetworkPlan

    init(
        _ lab: Lab, pod: NetworkNamespace, identifier: UInt32 = 555_000, vm: String = "10.0.0.2",
        podSubnets: [NetPrefix] = []
    ) async throws {
        self.lab = lab
        self.pod = pod
        home = try NetworkNamespace.make(named: "podns")
        let remote = try address(vm)
        interface = try await lab.nodeNetworks.inspect(pod.path)
        let underlay = try await lab.nodeNetworks.underlay(named: "under0", toward: remote)
        nodePlan = try NodeNetworkPlan(
            for: interface, over: underlay, identifier: identifier, port: Lab.port, vm: remote)
        vmPlan = try GuestNetworkPlan(
            for: interface, over: underlay, identifier: identifier, port: Lab.port, podSubnets: podSubnets, vm: remote)
        try await lab.nodeNetworks.setUp(nodePlan, in: pod.path)
        try await lab.vmNetworks.setUp(vmPlan, in: home.path)
    }
}

extension RealNamespaces {
    @Suite("the path between node and VM")
    struct PathTests {
        @Test("carries pings and TCP in both directions, and the pod in the VM has the pod's address")
        func bothWays() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod())
            #expect(joined.interface.name == "eth0")
            #expect(joined.nodePlan.mtu == 1450)
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            #expect(try Lab.pings("10.244.1.2", from: joined.home))
            let size = 4_000_000
            #expect(try await Traffic.tcp(from: lab.client, to: joined.home, at: "10.244.1.10", bytes: size) == size)
            #expect(try await Traffic.tcp(from: joined.home, to: lab.client, at: "10.244.1.2", bytes: size) == size)
            try expectNoFragments(lab)
        }

        /// That neither host had to cut an outer packet in two.
        private func expectNoFragments(_ lab: Lab) throws {
            for host in [lab.node, lab.vm] {
                let counters = try host.run { try? DurableFile.read("/proc/thread-self/net/snmp", limit: 1 << 16) }
                let lines = String(decoding: try #require(counters), as: UTF8.self).split(separator: "\n")
                let rows = lines.filter { $0.hasPrefix("Ip: ") }.map { $0.split(separator: " ") }
                let column = try #require(rows.first?.firstIndex(of: "FragCreates"))
                #expect(rows[1][column] == "0")
            }
        }

        @Test("carries packets up to the MTU, and no larger ones")
        func fullSize() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod())
            #expect(try Lab.pings("10.244.1.2", from: joined.home, "-M do -s \(1450 - 28)"))
            #expect(try !Lab.pings("10.244.1.2", from: joined.home, "-M do -s \(1450 - 27)"))
        }

        @Test("carries IPv6 beside IPv4")
        func dualStack() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod(7, isDual: true))
            #expect(try Lab.pings("fd00:244::7", from: lab.client, "-6"))
            #expect(try Lab.pings("fd00:244::2", from: joined.home, "-6"))
            #expect(try Lab.pings("10.244.1.12", from: lab.client))
            let size = 1_000_000
            #expect(try await Traffic.tcp(from: lab.client, to: joined.home, at: "fd00:244::7", bytes: size) == size)
        }

        @Test("works over IPv6")
        func overVersion6() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod(), vm: "fd00:1::2")
            #expect(joined.nodePlan.mtu == 1430)
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            #expect(try Lab.pings("10.244.1.2", from: joined.home, "-M do -s \(1430 - 28)"))
        }

        /// As Calico and Azure CNI make it: a gateway without a host, with a permanent neighbour entry.
        @Test("works with an on-link gateway without a host, as Calico and Azure CNI have it", arguments: [32, 16])
        func gatewayWithoutHost(length: Int) async throws {
            let lab = try Lab()
            let pod = try NetworkNamespace.make(named: "pod")
            let (inNode, inPod) = (try Lab.socket(lab.node), try Lab.socket(pod))
            try inNode.createVethPair("cali1", "eth0", in: pod)
            let outside = try Lab.up("cali1", inNode)
            let eth0 = try Lab.up("eth0", inPod)
            try inPod.add(try prefix("10.240.7.7/\(length)"), to: eth0)
            let gateway = try address("169.254.1.1")
            try inPod.add(PodRoute(to: NetPrefix(only: gateway)), over: eth0)
            try inPod.add(PodRoute(to: .allVersion4, through: gateway), over: eth0)
            try inPod.add(PodNeighbor(gateway, is: try #require(outside.hardwareAddress)), on: eth0)
            try inNode.add(PodRoute(to: try prefix("10.240.7.7/32")), over: outside)
            let joined = try await Joined(lab, pod: pod)
            #expect(joined.interface.neighbors.count == 1)
            #expect(joined.interface.routes.count { !$0.destination.address.isVersion6 } == 2)
            #expect(try Lab.pings("10.240.7.7", from: lab.node))
            #expect(try Lab.pings("10.0.0.1", from: joined.home))
        }

        @Test("works with a small MTU and several networks behind one gateway, as OVN-Kubernetes has them")
        func manyNetworks() async throws {
            let lab = try Lab()
            let pod = try NetworkNamespace.make(named: "pod")
            let eth0 = try lab.plug(pod, "ovn", ["10.244.1.9/23"], gateways: ["10.244.1.1"], mtu: 1400)
            let inPod = try Lab.socket(pod)
            let gateway = try address("10.244.1.1")
            for network in ["10.244.0.0/14", "172.30.0.0/16", "100.64.0.0/16", "169.254.169.5/32"] {
                try inPod.add(PodRoute(to: try prefix(network), through: gateway), over: eth0)
            }
            let joined = try await Joined(lab, pod: pod)
            #expect(joined.nodePlan.mtu == 1400 && joined.vmPlan.mtu == 1400)
            let routes = try Lab.socket(joined.home).routes().map(\.route)
            #expect(Set(routes) == Set(joined.interface.routes.map(\.normalized)))
            #expect(try Lab.pings("10.244.1.9", from: lab.client))
            #expect(try Lab.pings("10.244.1.2", from: joined.home, "-M do -s \(1400 - 28)"))
        }

        @Test("is not changed by another set-up, and is repaired where it is broken")
        func idempotent() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod(9, isDual: true))
            let (inPod, inHome) = (try Lab.socket(joined.pod), try Lab.socket(joined.home))
            let (before, routes) = (try inPod.made("vxlan1"), try inHome.routes())
            try await lab.nodeNetworks.setUp(joined.nodePlan, in: joined.pod.path)
            try await lab.vmNetworks.setUp(joined.vmPlan, in: joined.home.path)
            #expect(try inPod.made("vxlan1") == before)
            #expect(try inHome.routes() == routes)
            // Half of it goes.
            try inPod.removeIngress(from: try inPod.made("eth0"))
            let eth0 = try inHome.made("eth0")
            try inHome.setMTU(1300, of: eth0)
            for route in try inHome.routes() { try inHome.remove(route.route, over: eth0) }
            try inHome.remove(try #require(joined.vmPlan.addresses.first), from: eth0)
            try await lab.nodeNetworks.setUp(joined.nodePlan, in: joined.pod.path)
            try await lab.vmNetworks.setUp(joined.vmPlan, in: joined.home.path)
            #expect(Set(try inHome.routes()) == Set(routes))
            #expect(try inHome.made("eth0").mtu == 1450)
            #expect(try Lab.pings("10.244.1.14", from: joined.lab.client))
            #expect(try Lab.pings("fd00:244::9", from: joined.lab.client, "-6"))
        }

        @Test("is changed to another plan")
        func replaced() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod())
            var (nodePlan, vmPlan) = (joined.nodePlan, joined.vmPlan)
            nodePlan.tunnel.identifier = 600_000
            vmPlan.tunnel.identifier = 600_000
            (nodePlan.mtu, vmPlan.mtu) = (1400, 1400)
            vmPlan.routes.append(PodRoute(to: try prefix("192.0.2.0/24"), through: try address("10.244.1.1")))
            try await lab.nodeNetworks.setUp(nodePlan, in: joined.pod.path)
            try await lab.vmNetworks.setUp(vmPlan, in: joined.home.path)
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            #expect(try Lab.socket(joined.home).routes().count == vmPlan.routes.count)
            // The first identifier is free again.
            let other = try lab.makePod(6)
            try await lab.nodeNetworks.setUp(joined.nodePlan, in: other.path)
        }

        @Test("fragments no packet where a route has a larger MTU, as Cilium's do")
        func largeRoute() async throws {
            let lab = try Lab()
            let pod = try NetworkNamespace.make(named: "pod")
            let eth0 = try lab.plug(pod, "cilium", ["10.244.1.9/24"])
            let gateway = try address("10.244.1.1")
            try Lab.socket(pod).add(PodRoute(to: .allVersion4, through: gateway, mtu: 1500), over: eth0)
            try Lab.socket(pod).add(PodRoute(to: try prefix("192.0.2.0/24"), through: gateway, mtu: 1300), over: eth0)
            try Lab.socket(pod).add(PodRoute(to: try prefix("10.244.1.2/32"), mtu: 1500), over: eth0)
            let joined = try await Joined(lab, pod: pod)
            let routes = try Lab.socket(joined.home).routes().map(\.route)
            #expect(Set(routes.compactMap(\.mtu)) == [1450, 1300])
            #expect(try await lab.vmNetworks.state(of: joined.vmPlan, in: joined.home.path).problems == [])
            let size = 4_000_000
            #expect(try await Traffic.tcp(from: joined.home, to: lab.client, at: "10.244.1.2", bytes: size) == size)
            #expect(try await Traffic.tcp(from: lab.client, to: joined.home, at: "10.244.1.9", bytes: size) == size)
            try expectNoFragments(lab)
        }

        @Test("reaches the pod subnets through the pod's gateway")
        func podSubnets() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod(), podSubnets: [try prefix("10.96.0.0/12")])
            let routes = try Lab.socket(joined.home).routes().map(\.route)
            let gateway = try address("10.244.1.1")
            #expect(routes.contains { $0.destination.description == "10.96.0.0/12" && $0.gateway == gateway })
        }

        @Test("with a thousand routes, and with two gateways for one destination, is the same when set up twice")
        func manyRoutes() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod(4, isDual: true))
            var plan = joined.vmPlan
            for number in 0..<1000 {
                let destination = try prefix("172.16.\(number / 250).\(number % 250)/32")
                plan.routes.append(PodRoute(to: destination, through: try address("10.244.1.1"), priority: 7))
            }
            for gateway in ["fd00:244::a", "fd00:244::b"] {
                plan.routes.append(
                    PodRoute(to: try prefix("2001:db8::/32"), through: try address(gateway), priority: 9))
            }
            for _ in 0..<2 {
                try await lab.vmNetworks.setUp(plan, in: joined.home.path)
                let routes = try Lab.socket(joined.home).routes().map(\.route)
                #expect(Set(routes) == Set(plan.orderedRoutes))
            }
            // What the VM has, another inspection finds.
            let found = try await lab.vmNetworks.inspect(joined.home.path)
            #expect(found.addresses == plan.addresses && found.hardwareAddress == plan.hardwareAddress)
        }

        @Test("fails with a remedy where IPv6 is disabled")
        func withoutVersion6() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod(4, isDual: true))
            let home = try NetworkNamespace.make(named: "podns")
            try #require(
                try Lab.succeeds(
                    "sysctl -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1", in: home))
            try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: joined.home.path)
            let refused = try await failure { try await lab.vmNetworks.setUp(joined.vmPlan, in: home.path) }
            #expect(refused.remedy.contains("disable_ipv6"), "\(refused)")
            #expect(try Lab.socket(home).links().map(\.name) == ["lo"])
        }

        @Test("leaves the threads of this process in their namespace")
        func threads() async throws {
            let own = try NetworkNamespace.ofThisProcess()
            let lab = try Lab()
            _ = try await Joined(lab, pod: try lab.makePod())
            for thread in try Files.list("/proc/self/task") {
                // Another test's thread may be in another namespace for a moment; it is gone, or back, soon.
                for attempt in 0... {
                    guard let namespace = try? NetworkNamespace(opening: "/proc/self/task/\(thread)/ns/net"),
                        !namespace.isSame(as: own)
                    else { break }
                    try #require(attempt < 1000, "thread \(thread) stays in another namespace")
                    try await Task.sleep(for: .milliseconds(10))
                }
            }
        }

        @Test("shows the counters of each hop, and names what is broken")
        func state() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod())
            let (networks, plan, path) = (lab.nodeNetworks, joined.nodePlan, joined.pod.path)
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            let good = try await networks.state(of: plan, in: path)
            #expect(good.problems == [])
            #expect(good.pod?.redirectedTo == "vxlan1" && good.tunnel?.redirectedTo == "eth0")
            #expect(try #require(good.tunnel).counters.received.packets >= 3)
            #expect(good.tunnelDescription == "VXLAN 555000 to 10.0.0.2, UDP port 4789")
            let under = try #require(good.underlay)
            #expect(under.interface == "under0" && under.mtu == 1500 && under.counters.sent.packets >= 3)
            let far = try await lab.vmNetworks.state(of: joined.vmPlan, in: joined.home.path)
            #expect(far.problems == [] && far.hops.map(\.interface) == ["eth0", "eth0"])
            #expect(
                Set(far.addresses) == Set(joined.vmPlan.addresses) && far.routes.count == joined.vmPlan.routes.count)
            #expect(try #require(far.pod).counters.received.packets >= 3 && far.pod?.mtu == 1450)
            #expect(far.tunnelDescription == "VXLAN 555000 to 10.0.0.1, UDP port 4789")
            #expect(PathDiagnosis.problems(of: plan.tunnel, node: good, vm: PathDiagnosis.GuestReport(far)) == [])

            // The VM's end goes.
            try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: joined.home.path)
            try await networks.removeNodeNetwork(podInterface: "eth0", in: path)
            #expect(try await networks.state(of: plan, in: path).problems.count == 1)
            try await networks.setUp(plan, in: path)
            #expect(try !Lab.pings("10.244.1.10", from: lab.client))
            let node = try await networks.state(of: plan, in: path)
            #expect(node.problems == [])
            let silent = PathDiagnosis.problems(of: plan.tunnel, node: node, vm: nil)
            #expect(silent.count == 1 && silent[0].contains("none came back"), "\(silent)")
            let inVM = PathDiagnosis.GuestReport(
                try await lab.vmNetworks.state(of: joined.vmPlan, in: joined.home.path))
            #expect(inVM.pod == nil && inVM.problems.count == 1 && inVM.problems[0].contains("is missing in the VM"))

            let socket = try Lab.socket(joined.pod)
            try socket.setMTU(1400, of: try socket.made("vxlan1"))
            try socket.removeIngress(from: try socket.made("eth0"))
            #expect(try await networks.state(of: plan, in: path).problems.count == 2)
            try socket.delete(try socket.made("eth0"))
            let gone = try await networks.state(of: plan, in: path)
            #expect(gone.pod == nil && gone.problems.count == 1)
        }

        @Test("shows each difference from the plan in the VM as a sentence")
        func farProblems() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod(5, isDual: true))
            var plan = joined.vmPlan
            plan.neighbors = [PodNeighbor(try address("10.244.1.1"), is: try ethernet("02:00:00:00:00:09"))]
            try await lab.vmNetworks.setUp(plan, in: joined.home.path)
            func problems() async throws -> [String] {
                try await lab.vmNetworks.state(of: plan, in: joined.home.path).problems
            }
            #expect(try await problems() == [])
            let socket = try Lab.socket(joined.home)
            let eth0 = try socket.made("eth0")
            try socket.setMTU(1400, of: eth0)
            try socket.setAddress(try ethernet("02:00:00:00:00:77"), of: eth0)
            try socket.remove(plan.neighbors[0], on: eth0)
            try socket.remove(PodRoute(to: .allVersion4, through: try address("10.244.1.1")), over: eth0)
            try socket.add(try prefix("192.0.2.1/24"), to: eth0)
            for number in 0..<7 { try socket.add(PodRoute(to: try prefix("192.0.\(number).0/24")), over: eth0) }
            let found = try await problems()
            for words in [
                "MTU 1400", "02:00:00:00:00:77", "The permanent neighbour 10.244.1.1 at 02:00:00:00:00:09 is missing",
                "The route to 0.0.0.0/0 via 10.244.1.1 is missing", "The address 192.0.2.1/24 in the VM is not planned",
                "The route to 192.0.0.0/24 in the VM is not planned", "2 more: the route to",
            ] { #expect(found.contains { $0.contains(words) }, "\(words): \(found)") }
            // The path to the node has a smaller MTU than planned.
            try Lab.socket(lab.vm).setMTU(1300, of: try Lab.socket(lab.vm).made("eth0"))
            #expect(
                try await problems().contains { $0.contains("leaves the tunnel an MTU of 1250, but the plan is 1450") })
            var other = plan
            other.tunnel.remote = try address("192.0.2.200")
            try Lab.socket(lab.vm).remove(
                PodRoute(to: .allVersion4, through: try address("10.0.0.1")), over: try Lab.socket(lab.vm).made("eth0"))
            let lost = try await lab.vmNetworks.state(of: other, in: joined.home.path)
            #expect(
                lost.underlay == nil && lost.problems[0].contains("no route to the tunnel's remote address 192.0.2.200")
            )
        }

        @Test("is complete or gone after concurrent set-ups and removals")
        func meeting() async throws {
            let lab = try Lab()
            let pod = try lab.makePod()
            let (networks, path, before) = (lab.nodeNetworks, pod.path, try Census(pod))
            let plan = try NodeNetworkPlan(Tunnel(7, to: try address("10.0.0.2")))
            for round in 0..<10 {
                try await withThrowingTaskGroup { group in
                    for number in 0..<6 {
                        group.addTask {
                            if (number + round).isMultiple(of: 2) {
                                try await networks.setUp(plan, in: path)
                            } else {
                                try await networks.removeNodeNetwork(podInterface: "eth0", identifier: 7, in: path)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                let state = try await networks.state(of: plan, in: path)
                if state.tunnel == nil {
                    #expect(try Census(pod) == before)
                } else {
                    #expect(state.problems == [])
                }
            }
            try await networks.removeNodeNetwork(podInterface: "eth0", in: path)
            #expect(try Census(pod) == before)
        }
    }
}
