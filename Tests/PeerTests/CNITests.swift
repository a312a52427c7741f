import Glibc
import LinuxIO
import NetworkRig
import PodNetwork
import Testing

@Suite(
    "A pod's network that a CNI plugin has created", .serialized,
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
struct CNITests {
    @Test(
        "reaches the pod's VM, with real plugins", .enabled(if: CNIPlugin.areInstalled, CNIPlugin.need),
        arguments: CNIShape.plugins)
    func plugins(shape: CNIShape) async throws { try await CNIExamination(shape).run() }

    @Test("reaches the pod's VM, with the networks of other plugins", arguments: CNIShape.byHand)
    func byHand(shape: CNIShape) async throws { try await CNIExamination(shape).run() }

    @Test(
        "can be deleted before the adaptor's side, as when a VM stops slowly",
        .enabled(if: CNIPlugin.areInstalled, CNIPlugin.need), arguments: CNIShape.plugins)
    func removedFirst(shape: CNIShape) async throws {
        let examination = try await CNIExamination(shape)
        try examination.site.remove()
        #expect(try examination.linksOfNode() == examination.linksBefore)
        try await examination.tearDown()
        #expect(try Lab.socket(examination.site.pod).links().filter { $0.vxlan != nil } == [])
    }

    @Test("reaches another such pod of the same node, which is in another VM")
    func neighbors() async throws {
        let lab = try Lab()
        var (pods, homes): ([NetworkNamespace], [NetworkNamespace]) = ([], [])
        for number in 1...2 {
            let pod = try lab.makePod(number)
            // They live as long as they are held here.
            pods.append(pod)
            homes.append(try NetworkNamespace.make(named: "podns"))
            let (vm, id) = (try address("10.0.0.2"), UInt32(700_000 + number))
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = try await lab.nodeNetworks.underlay(named: "under0", toward: vm)
            try await lab.nodeNetworks.setUp(
                try NodeNetworkPlan(for: interface, over: underlay, identifier: id, port: Lab.port, vm: vm),
                in: pod.path)
            try await lab.vmNetworks.setUp(
                try GuestNetworkPlan(for: interface, over: underlay, identifier: id, port: Lab.port, vm: vm),
                in: homes[number - 1].path)
        }
        let (size, hosts) = (30_000_000, [lab.node, lab.vm])
        #expect(try Lab.pings("10.244.1.7", from: homes[0], "-M do -s \(1450 - 28)"))
        #expect(try await Traffic.tcp(from: homes[0], to: homes[1], at: "10.244.1.7", bytes: size) == size)
        #expect(try await Traffic.tcp(from: homes[1], to: homes[0], at: "10.244.1.6", bytes: size) == size)
        #expect(try Cluster.fragments(hosts) == 0)
        #expect(pods.count == 2)
    }
}

/// A pod that a CNI has attached, whose VM has its network, and what has to hold for it.
struct CNIExamination {
    private static let identifier: UInt32 = 700_000
    let site: CNIShape.Site
    let linksBefore: [String]
    private let cluster: Cluster
    private let home: NetworkNamespace
    private let plan: GuestNetworkPlan
    private let interface: PodInterface

    /// Attaches the pod, and sets both ends up.
    init(_ shape: CNIShape) async throws {
        cluster = try Cluster()
        linksBefore = try Self.links(cluster.node)
        site = try shape.make(cluster)
        home = try NetworkNamespace.make(named: "podns")
        let (vm, networks) = (try address("10.0.0.2"), cluster.lab.nodeNetworks)
        interface = try await networks.inspect(site.pod.path)
        let underlay = try await networks.underlay(named: "under0", toward: vm)
        let nodePlan = try NodeNetworkPlan(
            for: interface, over: underlay, identifier: Self.identifier, port: Lab.port, vm: vm)
        plan = try GuestNetworkPlan(for: interface, over: underlay, identifier: Self.identifier, port: Lab.port, vm: vm)
        try await networks.setUp(nodePlan, in: site.pod.path)
        try await cluster.lab.vmNetworks.setUp(plan, in: home.path)
    }

    func tearDown() async throws {
        try await cluster.lab.nodeNetworks.removeNodeNetwork(
            podInterface: "eth0", identifier: Self.identifier, in: site.pod.path)
        try await cluster.lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: home.path)
    }

    func linksOfNode() throws -> [String] { try Self.links(cluster.node) }

    private static func links(_ namespace: NetworkNamespace) throws -> [String] {
        try Lab.socket(namespace).links().map(\.name).sorted()
    }

    func run() async throws {
        try await sameInterface()
        for (own, host) in zip(site.addresses, site.host) {
            try pings(own, host)
            try await enforce(own, host)
            try await bulk(own, host)
            try await names(host)
            try await narrowWay(own)
        }
        try await tearDown()
        try site.remove()
        #expect(try linksOfNode() == linksBefore)
    }

    /// The VM's interface is the pod's in everything that a process could see.
    private func sameInterface() async throws {
        let found = try await cluster.lab.vmNetworks.inspect(home.path)
        #expect(found.name == interface.name && found.hardwareAddress == interface.hardwareAddress)
        #expect(found.addresses == interface.addresses)
        #expect(found.neighbors == interface.neighbors)
        #expect(found.routes.count == interface.routes.count)
        let ways = try Lab.command("ip route; ip -6 route", in: home)
        #expect(found.mtu == plan.mtu, "\(ways)")
        for own in site.addresses { #expect(found.addresses.contains { "\($0.address)" == own }) }
    }

    private func pings(_ own: String, _ host: String) throws {
        let (header, flags) = own.contains(":") ? (48, "-6 ") : (28, "")
        let full = flags + "-M do -s \(site.mtu - header)"
        // IPv6 addresses that the CNI has just made take a second until they are used, and a proxy answers not at once.
        let first = "until ping -n -c 1 -W 0.1 \(flags)\(host); do [ $((tries += 1)) -lt 50 ]; done"
        try Lab.command("set -e; \(first)", in: home)
        #expect(try Lab.pings(own, from: cluster.outside, full), "to the pod")
        #expect(try Lab.pings(host, from: home, full), "from the pod")
        let larger = "ping -n -c 1 -W 0.1 \(flags)-M do -s \(site.mtu - header + 1) \(host)"
        let refusal = try Lab.command("\(larger) || true", in: home)
        #expect(refusal.contains("message too long"), "\(refusal)")
    }

    /// 100 MB each way come as they were sent, and neither host has to cut a packet in two.
    private func bulk(_ own: String, _ host: String) async throws {
        let (size, hosts) = (100_000_000, [cluster.node, cluster.lab.vm, site.pod, home])
        let before = try Cluster.fragments(hosts)
        #expect(try await Traffic.tcp(from: cluster.outside, to: home, at: own, bytes: size) == size)
        #expect(try await Traffic.tcp(from: home, to: cluster.outside, at: host, bytes: size) == size)
        #expect(try Cluster.fragments(hosts) == before)
        #expect(try seen("allowed") > 0)
    }

    /// DNS over UDP: through the cluster's service where the node translates, and an answer that needs several packets.
    private func names(_ host: String) async throws {
        let isService = site.device == nil && !host.contains(":")
        for count in [1, 200] {
            let query = DNSMessage.query("kubernetes.default.svc.cluster.local", id: UInt16(count))
            let answer = try await Traffic.ask(
                query, from: home, at: isService ? "10.96.0.10" : host, port: 53, servedBy: cluster.outside, at: host
            ) { DNSMessage.answer(to: $0, count: count) }
            #expect(answer == DNSMessage.answer(to: query, count: count))
        }
    }

    /// A router that cannot forward a packet reports it to the VM, and the VM sends smaller packets.
    private func narrowWay(_ own: String) async throws {
        let isVersion6 = own.contains(":")
        let far = isVersion6 ? "fd00:9::2" : "10.9.0.2"
        let size = 3_000_000
        #expect(try await Traffic.tcp(from: home, to: cluster.far, at: far, bytes: size) == size)
        let way = try Lab.command("ip route get \(far)", in: home)
        #expect(way.contains("mtu \(Cluster.narrow)"), "\(way)")
    }

    /// Rules on the node, as a NetworkPolicy has them, hold for the pod's packets: what they block does not get
    /// through.
    private func enforce(_ own: String, _ host: String) async throws {
        let ip = own.contains(":") ? "ip6" : "ip"
        let (family, chains) =
            site.device.map { device in
                (
                    "netdev",
                    (
                        "type filter hook ingress device \(device) priority 0",
                        "type filter hook egress device \(device) priority 0"
                    )
                )
            } ?? ("inet", ("type filter hook forward priority 0", "type filter hook forward priority 1"))
        // There is no refusing on the way out of a device.
        let refusal = site.device == nil ? "reject with icmpx type admin-prohibited" : "drop"
        try Lab.command(
            """
            nft delete table \(family) networkpolicy 2>/dev/null; nft -f - <<RULES
            table \(family) networkpolicy {
                counter allowed {}
                counter dropped {}
                counter refused {}
                chain incoming {
                    \(chains.0);
                    \(ip) daddr \(own) tcp dport 8080 counter name allowed
                    \(ip) daddr \(own) tcp dport 9090 counter name dropped drop
                }
                chain outgoing {
                    \(chains.1);
                    \(ip) saddr \(own) udp dport 9091 counter name refused \(refusal)
                }
            }
            RULES
            """, in: cluster.node)
        await #expect(throws: Traffic.Failure(step: "connect", errno: EINPROGRESS), "to the pod") {
            try await Traffic.tcp(from: cluster.outside, to: home, at: own, port: 9090, bytes: 1, patience: 200)
        }
        // Where the node refuses, its word gets to the VM: a connection would wait for it no longer than for an answer.
        let reason = site.device != nil ? ETIMEDOUT : ip == "ip" ? EHOSTUNREACH : EACCES
        await #expect(throws: Traffic.Failure(step: "answer", errno: reason), "from the pod") {
            _ = try await Traffic.ask(
                [1], from: home, at: host, port: 9091, tries: 1, servedBy: cluster.outside, at: host
            ) { $0 }
        }
        #expect(try seen("dropped") > 0)
        #expect(try seen("refused") > 0)
    }

    /// How many packets a counter of those rules has met.
    private func seen(_ counter: String) throws -> Int {
        let family = site.device == nil ? "inet" : "netdev"
        let text = try Lab.command("nft list counter \(family) networkpolicy \(counter)", in: cluster.node)
        let words = text.split(whereSeparator: \.isWhitespace)
        guard let number = words.firstIndex(of: "packets").flatMap({ Int(words[$0 + 1]) }) else {
            throw PeerFailure("no count: \(text)")
        }
        return number
    }
}

/// As much of DNS (RFC 1035) as a resolver says to ask for an IPv4 address.
enum DNSMessage {
    private static let header = 12

    static func query(_ name: String, id: UInt16) -> [UInt8] {
        // Recursion desired; one question.
        var bytes: [UInt8] = [UInt8(id >> 8), UInt8(id & 0xFF), 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") { bytes += [UInt8(label.utf8.count)] + label.utf8 }
        // Type A, class IN.
        return bytes + [0, 0, 1, 0, 1]
    }

    /// An answer with `count` addresses, 16 bytes each.
    static func answer(to query: [UInt8], count: Int) -> [UInt8] {
        guard query.count > header else { return [] }
        var bytes = query
        // An answer, recursion available.
        (bytes[2], bytes[3]) = (0x81, 0x80)
        (bytes[6], bytes[7]) = (UInt8(count >> 8), UInt8(count & 0xFF))
        for number in 0..<count {
            // The question's name, type A, class IN, half a minute, four bytes.
            bytes += [
                0xC0, UInt8(header), 0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 10, 96, UInt8(number >> 8), UInt8(number & 0xFF),
            ]
        }
        return bytes
    }
}
