import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

@Suite("The diagnosis of a pod's path")
struct PathDiagnosisTests {
    /// The packets of each side (nil: the VM does not answer), and the words of the expected fault.
    struct Case: Sendable, CustomTestStringConvertible {
        let name: String
        let node: (sent: UInt64, received: UInt64)
        var dropped: UInt64 = 0
        let vm: (sent: UInt64, received: UInt64)?
        let words: String?

        var testDescription: String { name }
    }

    private static let cases = [
        Case(name: "nothing was sent yet", node: (0, 0), vm: (0, 0), words: nil),
        Case(name: "nothing was sent, and the VM does not answer", node: (0, 0), vm: nil, words: nil),
        Case(name: "no fault", node: (9, 8), vm: (8, 9), words: nil),
        Case(name: "no fault, and the VM does not answer", node: (9, 8), vm: nil, words: nil),
        Case(name: "the pod sends nothing", node: (9, 0), vm: (0, 9), words: nil),
        Case(name: "no host sends to the pod", node: (0, 9), vm: (9, 0), words: nil),
        Case(
            name: "the VM receives nothing", node: (1, 0), vm: (0, 0),
            words: "UDP port 4789 is blocked to the VM at 10.0.0.2: 1 packet left"),
        Case(
            name: "the VM receives nothing, and its packets arrive", node: (7, 3), vm: (3, 0),
            words: "is blocked to the VM at 10.0.0.2: 7 packets left"),
        Case(
            name: "the node receives nothing", node: (4, 0), vm: (3, 4),
            words: "is blocked from the VM at 10.0.0.2: 3 packets left"),
        Case(name: "neither receives anything", node: (4, 0), vm: (3, 0), words: "is blocked in both directions"),
        Case(name: "none came back, and the VM does not answer", node: (4, 0), vm: nil, words: "none came back"),
        Case(
            name: "the node has no route", node: (0, 0), dropped: 5, vm: (0, 0),
            words: "The node drops the packets to the VM (5 packets)"),
    ]

    @Test(
        "compares the packets that were sent with those that arrived, and finds no fault in an idle path",
        arguments: cases)
    func counters(_ it: Case) throws {
        let tunnel = Tunnel(7, to: try address("10.0.0.2"))
        var hop = NodeNetworkState.Hop(interface: "vxlan1", mtu: 1450, isUp: true, counters: .init())
        hop.counters.sent.packets = it.node.sent
        hop.counters.sent.dropped = it.dropped
        hop.counters.received.packets = it.node.received
        let far = it.vm.map {
            PathDiagnosis.GuestReport(pod: .init(received: $0.received, sent: $0.sent, mtu: 1450), problems: [])
        }
        let found = PathDiagnosis.problems(of: tunnel, node: NodeNetworkState(tunnel: hop), vm: far)
        #expect(found.count == (it.words == nil ? 0 : 1), "\(found)")
        if let words = it.words { #expect(found.first?.contains(words) == true, "\(found)") }
    }

    @Test("uses only the packets since an earlier look")
    func since() throws {
        let tunnel = Tunnel(7, to: try address("10.0.0.2"))
        func counts(_ node: (UInt64, UInt64), _ vm: (UInt64, UInt64)) -> PathDiagnosis.Counts {
            var hop = NodeNetworkState.Hop(interface: "vxlan1", mtu: 1450, isUp: true, counters: .init())
            (hop.counters.sent.packets, hop.counters.received.packets) = node
            return .init(
                node: NodeNetworkState(tunnel: hop),
                vm: .init(pod: .init(received: vm.1, sent: vm.0, mtu: 1450), problems: []))
        }
        func problems(_ earlier: PathDiagnosis.Counts, _ now: PathDiagnosis.Counts) -> [String] {
            PathDiagnosis.problems(of: tunnel, node: now.node, vm: now.vm, since: earlier)
        }
        #expect(problems(counts((90, 80), (80, 90)), counts((91, 80), (80, 90)))[0].contains("to the VM"))
        #expect(problems(counts((90, 80), (80, 90)), counts((91, 80), (81, 91)))[0].contains("from the VM"))
        #expect(problems(counts((90, 0), (80, 0)), counts((91, 1), (81, 1))) == [])
        #expect(problems(counts((90, 80), (80, 90)), counts((90, 80), (80, 90))) == [])
        // Both interfaces were made again in between.
        #expect(problems(counts((90, 80), (80, 90)), counts((1, 1), (1, 1))) == [])
    }

    @Test("comes after the faults of each side, and is left out where an interface is missing")
    func ends() throws {
        let tunnel = Tunnel(7, to: try address("10.0.0.2"))
        var hop = NodeNetworkState.Hop(interface: "vxlan1", mtu: 1450, isUp: true, counters: .init())
        hop.counters.sent.packets = 4
        let missing = PathDiagnosis.problems(
            of: tunnel, node: NodeNetworkState(tunnel: nil, problems: ["The node's end is missing."]),
            vm: .init(pod: .init(received: 0, sent: 5, mtu: 1450), problems: ["The VM's is down."]))
        #expect(missing == ["The node's end is missing.", "The VM's is down."])
        let gone = PathDiagnosis.problems(
            of: tunnel, node: NodeNetworkState(tunnel: hop), vm: .init(pod: nil, problems: ["The VM's is missing."]))
        #expect(gone == ["The VM's is missing."])
        let large = PathDiagnosis.problems(
            of: tunnel, node: NodeNetworkState(tunnel: hop),
            vm: .init(pod: .init(received: 4, sent: 0, mtu: 1500), problems: []))
        #expect(large.count == 1 && large[0].contains("the MTU 1500"))
    }
}
extension RealNamespaces {
    @Suite("between node and VM")
    struct BetweenTests {
        /// The faults by the counters of both sides, as the adaptor finds them.
        private func problems(_ joined: Joined) async throws -> [String] {
            let (node, vm) = (joined.lab.nodeNetworks, joined.lab.vmNetworks)
            func far() async throws -> PathDiagnosis.GuestReport {
                try await vm.probe(joined.vmPlan, in: joined.home.path)
                return PathDiagnosis.GuestReport(try await vm.state(of: joined.vmPlan, in: joined.home.path))
            }
            let earlier = PathDiagnosis.Counts(
                node: try await node.state(of: joined.nodePlan, in: joined.pod.path), vm: try await far())
            try await node.probe(joined.nodePlan, in: joined.pod.path)
            let after = try await far()
            let near = try await node.state(of: joined.nodePlan, in: joined.pod.path)
            return PathDiagnosis.problems(of: joined.nodePlan.tunnel, node: near, vm: after, since: earlier)
        }

        @Test("there is no fault when a probe arrives, whatever was sent before the VM's side was set up")
        func early() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod())
            try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: joined.home.path)
            #expect(try !Lab.pings("10.244.1.10", from: lab.client))
            try await lab.vmNetworks.setUp(joined.vmPlan, in: joined.home.path)
            #expect(try await problems(joined) == [])
        }

        @Test("a firewall is found in each direction, also after packets have passed")
        func blocked() async throws {
            let lab = try Lab()
            let joined = try await Joined(lab, pod: try lab.makePod())
            for (host, words) in [
                (lab.vm, "is blocked to the VM"), (lab.node, "is blocked from the VM"),
            ] {
                #expect(try Lab.pings("10.244.1.2", from: joined.home))
                #expect(try await problems(joined) == [])
                let rules = "nft 'add table ip f; add chain ip f c { type filter hook input priority 0; }; "
                try #require(try Lab.succeeds(rules + "add rule ip f c udp dport 4789 drop'", in: host), "needs nft")
                let found = try await problems(joined)
                #expect(found.count == 1 && found[0].contains(words), "\(found)")
                try #require(try Lab.succeeds("nft 'delete table ip f'", in: host))
            }
        }

        @Test("a probe works for a pod with only IPv6, and fails without a tunnel")
        func probe() async throws {
            let lab = try Lab()
            let pod = try NetworkNamespace.make(named: "pod")
            try lab.plug(pod, "six", ["fd00:244::99/64"], gateways: ["fd00:244::1"])
            let joined = try await Joined(lab, pod: pod)
            #expect(try await problems(joined) == [])
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
            let missing = try await failure { try await lab.nodeNetworks.probe(joined.nodePlan, in: pod.path) }
            #expect(missing.description.contains("vxlan1"))
        }
    }
}
