import NetworkRig
import Testing

@testable import PodNetwork

@Suite("a plan")
struct PlanTests {
    private let pod: PodInterface
    private let underlay: Underlay

    init() throws {
        pod = PodInterface(
            name: "eth0", hardwareAddress: try ethernet("0a:58:0a:f4:00:13"), mtu: 1500,
            addresses: [try prefix("10.244.0.19/24"), try prefix("fd00::19/64")],
            routes: [
                PodRoute(to: .allVersion4, through: try address("10.244.0.1")),
                PodRoute(to: try prefix("10.244.0.0/24"), origin: .kernel),
            ])
        underlay = Underlay(
            interface: "eth0", mtu: 1500, addresses: [try prefix("10.0.0.1/24"), try prefix("fd01::1/64")])
    }

    @Test("leaves room for the outer headers, 50 bytes over IPv4 and 70 over IPv6, and never exceeds the pod's MTU")
    func mtu() throws {
        func mtu(pod podMTU: Int, underlay underlayMTU: Int, vm: String) throws -> Int {
            var (pod, underlay) = (pod, underlay)
            (pod.mtu, underlay.mtu) = (podMTU, underlayMTU)
            let node = try NodeNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789, vm: try address(vm))
            let inVM = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789, vm: try address(vm))
            #expect(inVM.mtu == node.mtu)
            return node.mtu
        }
        #expect(try mtu(pod: 1500, underlay: 1500, vm: "10.0.0.2") == 1450)
        #expect(try mtu(pod: 1500, underlay: 1500, vm: "fd01::2") == 1430)
        #expect(try mtu(pod: 1400, underlay: 1500, vm: "10.0.0.2") == 1400)
        #expect(try mtu(pod: 1500, underlay: 1550, vm: "10.0.0.2") == 1500)
        #expect(try mtu(pod: 9000, underlay: 1500, vm: "10.0.0.2") == 1450)
        let plan = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789)
        #expect(plan.fitting(Underlay(interface: "eth0", mtu: 1400, addresses: [])).mtu == 1350)
    }

    @Test("uses the node's address of the VM's IP family, which the VM was told")
    func addresses() throws {
        let plan = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789)
        #expect(plan.tunnel.remote.description == "10.0.0.1" && plan.tunnel.local == nil)
        let six = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789, vm: try address("fd01::2"))
        #expect(six.tunnel.remote.description == "fd01::1")
        for (vm, plan) in [("10.0.0.2", plan), ("fd01::2", six)] {
            let node = try NodeNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789, vm: try address(vm))
            #expect(node.tunnel.local == plan.tunnel.remote)
        }
        var fourOnly = underlay
        fourOnly.addresses.removeLast()
        #expect(throws: PodNetworkError.self) {
            try NodeNetworkPlan(for: pod, over: fourOnly, identifier: 1, port: 4789, vm: try address("fd01::2"))
        }
    }

    @Test("has routes to the link before those through a gateway")
    func order() throws {
        let plan = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789)
        #expect(plan.orderedRoutes.map(\.description) == ["10.244.0.0/24", "0.0.0.0/0 via 10.244.0.1"])
    }

    @Test("has no route to a forbidden destination")
    func forbidden() throws {
        var plan = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789)
        let gateway = try address("10.244.0.1")
        plan.routes += try ["169.254.169.254/32", "169.254.0.0/16", "192.0.2.0/25"].map {
            PodRoute(to: try prefix($0), through: gateway)
        }
        plan.forbidden = [try prefix("169.254.169.254/32"), try prefix("192.0.2.0/24")]
        try plan.check()
        let left = plan.orderedRoutes.map(\.destination.description)
        #expect(left == ["10.244.0.0/24", "0.0.0.0/0", "169.254.0.0/16"])
    }

    @Test("adds routes to the pod subnets through the pod's gateway, unless they exist or there is no gateway")
    func podSubnets() throws {
        let subnets = [try prefix("10.96.0.1/12"), try prefix("10.244.0.0/24")]
        let plan = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789, podSubnets: subnets)
        #expect(plan.routes.count == 3)
        #expect(plan.routes.last?.description == "10.96.0.0/12 via 10.244.0.1")
        let six = [try prefix("fd96::/64")]
        #expect(throws: PodNetworkError.self) {
            try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789, podSubnets: six)
        }
    }

    @Test("is refused with a sentence when it is invalid", arguments: PlanTests.invalidPlans.indices)
    func invalid(index: Int) throws {
        let (what, change) = PlanTests.invalidPlans[index]
        var plan = try GuestNetworkPlan(for: pod, over: underlay, identifier: 1, port: 4789)
        try plan.check()
        try change(&plan)
        let error = #expect(throws: PodNetworkError.self, "\(what)") { try plan.check() }
        #expect(error?.code == .invalidPlan)
        #expect(error?.description.hasSuffix(".") == true)
    }

    private static let invalidPlans: [(String, @Sendable (inout GuestNetworkPlan) throws -> Void)] = [
        ("everything as address", { $0.addresses = [.allVersion4] }),
        ("an address without network", { $0.addresses = [try prefix("10.0.0.1/0")] }),
        ("a multicast address", { $0.addresses = [try prefix("224.0.0.1/24")] }),
        ("loopback as address", { $0.addresses = [try prefix("127.0.0.1/8")] }),
        ("an address twice", { $0.addresses += [try prefix("10.244.0.19/25")] }),
        ("no address", { $0.addresses = [] }),
        ("only an address of the link", { $0.addresses = [try prefix("fe80::1/64")] }),
        ("MTU 0", { $0.mtu = 0 }),
        ("an MTU too small for IPv6", { $0.mtu = 1279 }),
        ("an MTU that no packet has", { $0.mtu = 65_536 }),
        ("a group's Ethernet address", { $0.hardwareAddress = try ethernet("01:00:5e:00:00:01") }),
        ("no Ethernet address", { $0.hardwareAddress = try ethernet("00:00:00:00:00:00") }),
        ("an empty name", { $0.interface = "" }),
        ("a name of 16 bytes", { $0.interface = "abcdefghijklmnop" }),
        ("a name with a slash", { $0.interface = "eth/0" }),
        ("the loopback's name", { $0.interface = "lo" }),
        ("identifier 0", { $0.tunnel.identifier = 0 }),
        ("an identifier of 25 bits", { $0.tunnel.identifier = 1 << 24 }),
        ("port 0", { $0.tunnel.port = 0 }),
        ("a node with an unspecified address", { $0.tunnel.remote = try address("0.0.0.0") }),
        ("a multicast address as node", { $0.tunnel.remote = try address("239.1.1.1") }),
        (
            "thousands of routes",
            { plan in
                let routes = try (0..<2000).map { PodRoute(to: try prefix("10.\($0 / 256).\($0 % 256).0/24")) }
                plan.routes += routes
            }
        ),
        (
            "a gateway of another family",
            { $0.routes.append(PodRoute(to: .allVersion4, through: try address("fd00::1"))) }
        ),
        (
            "a gateway with an unspecified address",
            { $0.routes.append(PodRoute(to: .allVersion4, through: try address("0.0.0.0"))) }
        ),
        (
            "a source address that the pod does not have",
            { $0.routes.append(PodRoute(to: .allVersion4, from: try address("10.9.9.9"))) }
        ),
        ("a route with MTU 0", { $0.routes.append(PodRoute(to: .allVersion4, mtu: 0)) }),
        ("a route with an MTU below zero", { $0.routes.append(PodRoute(to: .allVersion4, mtu: -1)) }),
        ("a route with an MTU that no packet has", { $0.routes.append(PodRoute(to: .allVersion4, mtu: 1 << 40)) }),
        ("a route with an MTU too small for IPv6", { $0.routes.append(PodRoute(to: .allVersion6, mtu: 1279)) }),
        ("a route to the loopback", { $0.routes.append(PodRoute(to: try prefix("127.0.0.0/8"))) }),
        (
            "a neighbour with an unspecified address",
            { $0.neighbors = [PodNeighbor(try address("0.0.0.0"), is: try ethernet("02:00:00:00:00:01"))] }
        ),
        ("a prohibition of the pod's own address", { $0.forbidden = [try prefix("10.0.0.0/8")] }),
        ("a prohibition of the pod's gateway", { $0.forbidden = [try prefix("10.244.0.1/32")] }),
        ("a service at the pod's own address", { $0.ownServices = [try address("10.244.0.19")] }),
        ("a service at the pod's gateway", { $0.ownServices = [try address("10.244.0.1")] }),
        ("a service at the loopback", { $0.ownServices = [try address("127.0.0.1")] }),
        ("a service twice", { $0.ownServices = [try address("192.0.2.1"), try address("192.0.2.1")] }),
        (
            "thousands of prohibitions",
            { $0.forbidden = [NetPrefix](repeating: try prefix("192.0.2.1/32"), count: 999) }
        ),
    ]

    @Test("has apf.json's names for a route's origin and scope")
    func names() {
        for name in ["static", "boot", "dhcp", "kernel"] { #expect(PodRoute.Origin(name: name)?.name == name) }
        for name in ["universe", "site", "link", "host", "nowhere"] {
            #expect(PodRoute.Scope(name: name)?.name == name)
        }
        #expect(PodRoute.Origin(name: "ra") == nil && PodRoute.Origin.routerAdvertisement.name == nil)
        #expect(PodRoute.Scope(name: "") == nil)
    }

    @Test("accepts an interface's name of 15 bytes")
    func longName() throws {
        try PlanCheck.interface("abcdefghijklmno")
    }

    @Test("of the node refuses the tunnel's name for the pod's interface")
    func ownName() throws {
        let plan = try NodeNetworkPlan(Tunnel(1, to: try address("10.0.0.2")), podInterface: "vxlan1")
        #expect(throws: PodNetworkError.self) { try plan.check() }
    }
}

@Suite("capabilities")
struct CapabilityTests {
    @Test("are read from the kernel's text, and missing ones are named")
    func missing() {
        #expect(NetworkCapabilities(status: "Name:\tx\nCapEff:\t000001ffffffffff\n").missing == [])
        #expect(NetworkCapabilities(status: "CapEff:\t0000000000001000\n").missing == ["SYS_ADMIN"])
        let none = NetworkCapabilities(status: "")
        #expect(none.missing == ["NET_ADMIN", "SYS_ADMIN"])
        let error = #expect(throws: PodNetworkError.self) { try none.check() }
        #expect(error?.code == .notPermitted)
    }
}

@Suite("addresses")
struct AddressTests {
    @Test("are parsed and printed in the kernel's form", arguments: ["10.0.0.4", "::", "fd00:1::2", "fe80::1"])
    func text(text: String) throws {
        #expect(try address(text).description == text)
    }

    @Test(
        "that are malformed are refused",
        arguments: ["", "10.0.0", "10.0.0.256", "::1::", "10.0.0.1\0", "fe80::1%eth0", " ::1"])
    func notText(text: String) {
        #expect(NetAddress(text) == nil)
    }

    @Test("belong to a network by its first bits")
    func networks() throws {
        #expect(try prefix("10.244.0.19/20").network.description == "10.244.0.0/20")
        #expect(try prefix("fd00::19/64").contains(try address("fd00::ff")))
        #expect(try !prefix("10.0.0.0/31").contains(try address("10.0.0.2")))
        #expect(NetPrefix.allVersion4.contains(try address("1.2.3.4")))
        for text in ["10.0.0.1", "10.0.0.1/33", "10.0.0.1/-1", "10.0.0.1/08", "::/129", "/8"] {
            #expect(NetPrefix(text) == nil)
        }
    }

    @Test("of Ethernet have six bytes")
    func ethernetAddresses() throws {
        #expect(try ethernet("0A:58:0a:f4:00:13").description == "0a:58:0a:f4:00:13")
        for text in ["", "0a:58", "0a:58:0a:f4:00:1", "0a:58:0a:f4:00:zz", "+1:58:0a:f4:00:13"] {
            #expect(LinkAddress(text) == nil)
        }
    }
}
