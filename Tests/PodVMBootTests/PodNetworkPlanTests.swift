import PodNetwork
import PodVMBoot
import Testing

@Suite("a pod's network in apf.json")
struct PodNetworkPlanTests {
    private let node: NetPrefix
    private let plain: GuestNetworkPlan

    init() throws {
        node = try #require(NetPrefix("10.0.0.4/24"))
        plain = GuestNetworkPlan(
            interface: "eth0", hardwareAddress: try #require(LinkAddress("0a:58:0a:f4:00:13")), mtu: 1450,
            addresses: [try #require(NetPrefix("10.244.0.19/24"))],
            routes: [
                PodRoute(to: .allVersion4, through: NetAddress("10.244.0.1"), origin: .boot),
                PodRoute(to: try #require(NetPrefix("10.244.0.0/24")), origin: .kernel),
            ], neighbors: [], tunnel: Tunnel(555_001, to: node.address))
    }

    /// The plan as the VM reads it from what the node has written.
    private func arrived(_ plan: GuestNetworkPlan) throws -> GuestNetworkPlan {
        var document = BootDocument(podName: "nginx", podNamespace: "default")
        document.podNetwork = PodNetworkDescription(plan, node: node, index: 7, isDedicated: false)
        let read = try BootDocument(parsing: document.encoded)
        #expect(read == document)
        return try #require(read.podNetwork).plan()
    }

    @Test("is the same after writing and parsing, with every address and all members of each route")
    func nothingLost() throws {
        var plan = plain
        let gateway = try #require(NetAddress("169.254.1.1"))
        plan.mtu = 8950
        plan.addresses += [
            try #require(NetPrefix("10.245.0.19/24")), try #require(NetPrefix("fd00::19/64")),
            try #require(NetPrefix("fe80::858:aff:fef4:13/64")),
        ]
        plan.routes = [
            PodRoute(to: NetPrefix(only: gateway)),
            PodRoute(
                to: .allVersion4, through: gateway, from: NetAddress("10.245.0.19"), origin: .dhcp, priority: 100,
                isOnLink: true, mtu: 1400),
            PodRoute(to: .allVersion4, through: NetAddress("10.244.0.1"), origin: .static, priority: 4_000_000_000),
            PodRoute(to: .allVersion6, through: NetAddress("fd00::1"), origin: .routerAdvertisement, priority: 1024),
            PodRoute(to: .allVersion6, through: NetAddress("fd00::2"), origin: .static, priority: 1024),
        ]
        plan.neighbors = [
            PodNeighbor(gateway, is: plan.hardwareAddress),
            PodNeighbor(try #require(NetAddress("fd00::1")), is: plan.hardwareAddress),
        ]
        let read = try arrived(plan)
        #expect(Set(read.routes) == Set(plan.routes) && read.routes.count == plan.routes.count)
        plan.routes = read.routes
        #expect(read == plan)
        #expect(try arrived(plain) == plain)
    }

    @Test("hides from Go's guest what it cannot set up: the other IP family, and a second route to one destination")
    func furtherPart() throws {
        var plan = plain
        plan.addresses.append(try #require(NetPrefix("fd00::19/64")))
        plan.routes.append(PodRoute(to: .allVersion4, through: NetAddress("10.244.0.2"), priority: 100))
        plan.routes.append(PodRoute(to: .allVersion6, through: NetAddress("fd00::1")))
        let network = PodNetworkDescription(plan, node: node, index: 7, isDedicated: true)
        #expect(network.routes.map(\.destination) == [.allVersion4, NetPrefix("10.244.0.0/24")])
        #expect(network.furtherRoutes.map(\.gateway) == [NetAddress("10.244.0.2"), NetAddress("fd00::1")])
        #expect(network.podAddress == plain.addresses[0] && network.addresses == plan.addresses)
        #expect((network.index, network.isDedicated, network.isExternalThroughVM) == (7, true, false))
        #expect((network.vxlanID, network.vxlanPort, network.nodeAddress) == (555_001, 4789, node))
    }

    @Test("has only the members that Go knows when these are enough")
    func nothingNew() {
        var document = BootDocument(podName: "nginx", podNamespace: "default")
        document.podNetwork = PodNetworkDescription(plain, node: node, index: 0, isDedicated: false)
        let text = String(decoding: document.encoded, as: UTF8.self)
        for key in [
            "addresses", "further", "tunnel-mtu", "origin", "priority", "source", "onlink",
        ] {
            #expect(!text.contains(key), "\(key)")
        }
    }

    @Test("that Go wrote has the meaning that Go's guest gives it")
    func fromGo() throws {
        var network = try #require(Golden.document().podNetwork)
        network.routes.removeLast()
        network.mtu = 1500
        let plan = try network.plan()
        #expect(plan.mtu == 1450, "more than that it never takes")
        #expect(plan.addresses == [network.podAddress])
        #expect(plan.routes.map(\.origin) == [.boot, .kernel])
        #expect(plan.routes.map(\.description) == ["0.0.0.0/0 via 10.244.0.1", "10.244.0.0/24"])
        #expect(plan.neighbors.map(\.description) == ["10.244.0.1 at 8e:7c:1d:00:5f:a1"])
        #expect(plan.tunnel == Tunnel(555_003, to: node.address))
        let unset = try #require(Golden.document().podNetwork).plan().routes[2]
        #expect(unset.destination == .allVersion4 && unset.origin == .boot)
    }

    @Test(
        "is refused when no pod can have such a network",
        arguments: [
            ("\"podip\": \"10.244.0.19/24\"", "\"podip\": \"0.0.0.0/0\"", "it is not the address of a host"),
            ("\"podip\": \"10.244.0.19/24\"", "\"podip\": \"127.0.0.1/8\"", "it is not the address of a host"),
            ("\"podip\": \"10.244.0.19/24\"", "\"podip\": \"224.0.0.1/24\"", "it is not the address of a host"),
            ("\"mtu\": 1450", "\"mtu\": 0", "the MTU 0"),
            ("\"mtu\": 1450", "\"mtu\": 1450, \"tunnel-mtu\": 60", "the MTU 60"),
            ("0a:58:0a:f4:00:13", "01:00:5e:00:00:01", "no interface can have it"),
            ("0a:58:0a:f4:00:13", "00:00:00:00:00:00", "no interface can have it"),
            ("\"interface\": \"eth0\"", "\"interface\": \"lo\"", "loopback"),
            ("\"dev\": \"eth0\",\n                \"protocol\": \"boot\"", "\"dev\": \"eth1\"", "leads over eth1"),
            ("\"vxlan-id\": 555003", "\"vxlan-id\": 0", "a VXLAN identifier is 1 to"),
            ("\"vxlan-port\": 4789", "\"vxlan-port\": 0", "a UDP port is 1 to"),
            ("10.0.0.4/24", "0.0.0.0/0", "not the address of a host"),
            ("10.0.0.4/24", "127.0.0.1/8", "not the address of a host"),
            ("10.0.0.4/24", "239.0.0.1/8", "not the address of a host"),
            ("\"mtu\": 1450", "\"mtu\": 1450, \"addresses\": [\"10.0.0.1/8\"]", "is not among them"),
        ])
    func absurd(part: String, replacement: String, reason: String) throws {
        let text = Golden.full.replacing(part, with: replacement, maxReplacements: 1)
        try #require(text != Golden.full)
        let network = try #require(BootDocument(parsing: Array(text.utf8)).podNetwork)
        let error = #expect(throws: PodNetworkError.self) { try network.plan() }
        #expect(
            error?.code == .invalidPlan && String(describing: error).contains(reason), "\(String(describing: error))")
    }

    @Test("is refused with thousands of routes")
    func tooMuch() throws {
        var network = PodNetworkDescription(plain, node: node, index: 0, isDedicated: false)
        network.furtherRoutes = Array(repeating: network.routes[1], count: 2000)
        let error = #expect(throws: PodNetworkError.self) { try network.plan() }
        #expect(
            String(describing: error).contains("there are 2002, and a pod may have"), "\(String(describing: error))")
    }
}
