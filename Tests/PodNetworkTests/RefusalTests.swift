import Glibc
import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

/// Counts the requests that pass, and does something else to the one it is told.
final class Gatekeeper: Sendable {
    private struct State {
        var count = 0
        var targets: Range<Int> = 0..<0
        var verdict = NetlinkGate.Verdict.pass
        var calls: [String] = []
    }

    private let state = Lock(State())

    var gate: NetlinkGate {
        NetlinkGate { call in
            self.state.withLock { state in
                defer { state.count += 1 }
                state.calls.append("\(call)")
                return state.targets.contains(state.count) ? state.verdict : .pass
            }
        }
    }

    /// From here on the request of that number, or all from it on, gets this verdict.
    func arm(_ target: Int?, _ verdict: NetlinkGate.Verdict = .pass, andAllAfter isForGood: Bool = false) {
        let targets = target.map { $0..<(isForGood ? Int.max : $0 + 1) } ?? 0..<0
        state.withLock { $0 = State(targets: targets, verdict: verdict) }
    }

    var calls: [String] { state.withLock(\.calls) }
}

extension RealNamespaces {
    @Suite("a refusal of the kernel")
    struct RefusalTests {
        private static let verdicts: [NetlinkGate.Verdict] = [
            .refuse(errno: EPERM), .refuse(errno: EOPNOTSUPP), .lose(errno: ENOBUFS),
        ]

        @Test("at any request of the node's end leaves nothing of it, and the next try succeeds", arguments: 0..<3)
        func nodeEnd(kind: Int) async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(nodeGate: keeper.gate)
            let pod = try lab.makePod()
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = Underlay(interface: "under0", mtu: 1500, addresses: [try prefix("10.0.0.1/24")])
            let plan = try NodeNetworkPlan(
                for: interface, over: underlay, identifier: 7, port: Lab.port, vm: try address("10.0.0.2"))
            let (before, nodeBefore) = (try Census(pod), try Census(lab.node))
            try await everyCall(keeper, Self.verdicts[kind]) {
                try await lab.nodeNetworks.setUp(plan, in: pod.path)
            } check: { call in
                let (inPod, inNode) = (try Census(pod), try Census(lab.node))
                #expect(inPod == before && inNode == nodeBefore, "after \(call)")
            } between: {
                try await lab.nodeNetworks.tearDownNodeNetwork(podInterface: "eth0", in: pod.path)
            }
            #expect(try Census(pod) == before)
        }

        @Test("at any request of the VM's end leaves nothing of it, and the next try succeeds", arguments: 0..<3)
        func vmEnd(kind: Int) async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(vmGate: keeper.gate)
            let joined = try await Joined(
                lab, pod: try lab.makePod(3, isDual: true), podSubnets: [try prefix("10.96.0.0/12")])
            var plan = joined.vmPlan
            plan.neighbors = [PodNeighbor(try address("10.244.1.1"), is: try ethernet("02:00:00:00:00:09"))]
            plan.forbidden = [try prefix("192.0.2.9/32"), try prefix("2001:db8::9/128")]
            plan.ownServices = [try address("169.254.169.254")]
            let home = joined.home
            try await lab.vmNetworks.tearDownGuestNetwork(interface: "eth0", in: home.path)
            let (before, vmBefore) = (try Census(home), try Census(lab.vm))
            try await everyCall(keeper, Self.verdicts[kind]) {
                try await lab.vmNetworks.setUp(plan, in: home.path)
            } check: { call in
                let (inHome, inVM) = (try Census(home), try Census(lab.vm))
                #expect(inHome == before && inVM == vmBefore, "after \(call)")
            } between: {
                try await lab.vmNetworks.tearDownGuestNetwork(interface: "eth0", in: home.path)
            }
            #expect(try Census(home) == before)
        }

        @Test("at any request of the teardown can be tried again, until nothing is left")
        func tearDown() async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(nodeGate: keeper.gate)
            let pod = try lab.makePod()
            let before = try Census(pod)
            let joined = try await Joined(lab, pod: pod)
            for number in 0... {
                keeper.arm(nil)
                try await lab.nodeNetworks.setUp(joined.nodePlan, in: pod.path)
                keeper.arm(number, .refuse(errno: EBUSY))
                do {
                    try await lab.nodeNetworks.tearDownNodeNetwork(podInterface: "eth0", in: pod.path)
                    break
                } catch let error as PodNetworkError {
                    #expect(error.errno == EBUSY)
                }
                keeper.arm(nil)
                try await lab.nodeNetworks.tearDownNodeNetwork(podInterface: "eth0", in: pod.path)
                #expect(try Census(pod) == before)
            }
            #expect(keeper.calls.count > 4)
        }

        @Test("leaves a network as it was that only needed looking at")
        func repair() async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(nodeGate: keeper.gate)
            let joined = try await Joined(lab, pod: try lab.makePod())
            let before = try Census(joined.pod)
            try await everyCall(keeper, .refuse(errno: ENOBUFS)) {
                try await lab.nodeNetworks.setUp(joined.nodePlan, in: joined.pod.path)
            } check: { call in
                let now = try Census(joined.pod)
                #expect(now == before, "after \(call)")
            } between: {
            }
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
        }

        @Test("at any request of a look, or of the VM's end going, is an error that names what was asked for")
        func everyOther() async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(nodeGate: keeper.gate, vmGate: keeper.gate)
            let joined = try await Joined(lab, pod: try lab.makePod(3, isDual: true))
            var plan = joined.vmPlan
            plan.forbidden = [try prefix("192.0.2.9/32")]
            plan.ownServices = [try address("192.0.2.7")]
            let (pod, home) = (joined.pod.path, joined.home.path)
            try await lab.vmNetworks.setUp(plan, in: home)
            let looks: [() async throws -> Void] = [
                { _ = try await lab.nodeNetworks.inspect(pod) },
                { _ = try await lab.vmNetworks.underlay(toward: try address("10.0.0.1")) },
                { _ = try await lab.nodeNetworks.otherTunnels(on: Lab.port) },
                { _ = try await lab.nodeNetworks.state(of: joined.nodePlan, in: pod) },
                { _ = try await lab.vmNetworks.state(of: plan, in: home) },
            ]
            for look in looks {
                for number in 0... {
                    keeper.arm(number, .refuse(errno: ENOMEM))
                    do {
                        try await look()
                        break
                    } catch let error as PodNetworkError {
                        #expect(error.errno == ENOMEM && !error.object.isEmpty && error.remedy.contains("memory"))
                    }
                }
                #expect(keeper.calls.count >= 2)
            }
            keeper.arm(nil)
            for number in 0... {
                try await lab.vmNetworks.setUp(plan, in: home)
                #expect(try await lab.vmNetworks.state(of: plan, in: home).problems == [])
                keeper.arm(number, .refuse(errno: EBUSY))
                let isDone: Bool
                do {
                    try await lab.vmNetworks.tearDownGuestNetwork(interface: "eth0", in: home)
                    isDone = true
                } catch let error as PodNetworkError {
                    #expect(error.errno == EBUSY)
                    isDone = false
                }
                keeper.arm(nil)
                try await lab.vmNetworks.tearDownGuestNetwork(interface: "eth0", in: home)
                let left = try Census(joined.home)
                #expect(left.links.count == 1 && left.prohibitions == [] && left.routes == [])
                if isDone { break }
            }
        }

        @Test("that does not even let us clear up says what is left behind, which the next teardown finds")
        func leftBehind() async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(nodeGate: keeper.gate)
            let pod = try lab.makePod()
            let before = try Census(pod)
            let plan = try NodeNetworkPlan(Tunnel(7, to: try address("10.0.0.2")))
            keeper.arm(nil)
            try await lab.nodeNetworks.setUp(plan, in: pod.path)
            let count = keeper.calls.count
            try await lab.nodeNetworks.tearDownNodeNetwork(podInterface: "eth0", in: pod.path)
            keeper.arm(count - 1, .refuse(errno: ENOBUFS), andAllAfter: true)
            let error = try await failure { try await lab.nodeNetworks.setUp(plan, in: pod.path) }
            #expect(error.leftBehind == ["the rules on eth0", "the rules on vxlan1", "vxlan1"])
            #expect(error.description.contains("Left behind: the rules on eth0"))
            keeper.arm(nil)
            try await lab.nodeNetworks.tearDownNodeNetwork(podInterface: "eth0", in: pod.path)
            #expect(try Census(pod) == before)
        }

        @Test("that says a list has changed meanwhile is asked again")
        func interrupted() async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(nodeGate: keeper.gate)
            let pod = try lab.makePod()
            keeper.arm(nil)
            let found = try await lab.nodeNetworks.inspect(pod.path)
            let count = keeper.calls.count
            for number in 0..<count {
                keeper.arm(number, .interrupt)
                let again = try await lab.nodeNetworks.inspect(pod.path)
                // IPv6 adds addresses of its own a moment later.
                #expect(again.name == found.name && again.routes.contains(found.routes[0]))
                #expect(again.addresses.contains(found.addresses[0]))
                #expect(keeper.calls.count == count + 1)
            }
        }

        @Test("names what it refused, why, and what helps")
        func words() async throws {
            let keeper = Gatekeeper()
            let lab = try Lab(nodeGate: keeper.gate)
            let pod = try lab.makePod()
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = Underlay(interface: "under0", mtu: 1500, addresses: [try prefix("10.0.0.1/24")])
            let plan = try NodeNetworkPlan(
                for: interface, over: underlay, identifier: 7, port: Lab.port, vm: try address("10.0.0.2"))
            try await everyCall(keeper, .refuse(errno: EOPNOTSUPP)) {
                try await lab.nodeNetworks.setUp(plan, in: pod.path)
            } failed: { call, error in
                #expect(error.description.contains("Operation not supported"), "\(call)")
                #expect(!error.remedy.isEmpty && !error.object.isEmpty)
                if call.hasPrefix("create") {
                    #expect(error.code == .unsupported && error.remedy.contains("CONFIG_VXLAN"))
                }
                if call.contains("redirection") { #expect(error.remedy.contains("CONFIG_NET_ACT_MIRRED")) }
            } between: {
                try await lab.nodeNetworks.tearDownNodeNetwork(podInterface: "eth0", in: pod.path)
            }
        }

        /// Runs `body` again and again, with another of its requests refused each time, until none is left to refuse.
        private func everyCall(
            _ keeper: Gatekeeper, _ verdict: NetlinkGate.Verdict, _ body: () async throws -> Void,
            check: (String) throws -> Void = { _ in }, failed: (String, PodNetworkError) -> Void = { _, _ in },
            between: () async throws -> Void
        ) async throws {
            var survived = 0
            for number in 0... {
                keeper.arm(number, verdict)
                var failure: PodNetworkError?
                do { try await body() } catch let error as PodNetworkError { failure = error }
                let calls = keeper.calls
                guard number < calls.count else {
                    #expect(failure == nil)
                    #expect(number > 4 && survived < number / 2)
                    keeper.arm(nil)
                    return try await between()
                }
                keeper.arm(nil)
                if let failure {
                    #expect(failure.leftBehind == [])
                    failed(calls[number], failure)
                    try check(calls[number])
                } else {
                    // What the kernel may do without, such as an option that it does not have.
                    survived += 1
                }
                try await body()
                try await between()
            }
        }
    }
}
