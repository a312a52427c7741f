import Glibc
import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

/// Counts the requests, and gives the chosen one another outcome.
final class FaultInjector: Sendable {
    private struct State {
        var count = 0
        var targets: Range<Int> = 0..<0
        var outcome = NetlinkFaults.Outcome.pass
        var calls: [String] = []
    }

    private let state = Lock(State())

    var faults: NetlinkFaults {
        NetlinkFaults { call in
            self.state.withLock { state in
                defer { state.count += 1 }
                state.calls.append("\(call)")
                return state.targets.contains(state.count) ? state.outcome : .pass
            }
        }
    }

    /// From here on the request of that number, or all from it on, gets this outcome.
    func arm(_ target: Int?, _ outcome: NetlinkFaults.Outcome = .pass, andAllAfter isForGood: Bool = false) {
        let targets = target.map { $0..<(isForGood ? Int.max : $0 + 1) } ?? 0..<0
        state.withLock { $0 = State(targets: targets, outcome: outcome) }
    }

    var calls: [String] { state.withLock(\.calls) }
}

extension RealNamespaces {
    @Suite("a refusal of the kernel")
    struct RefusalTests {
        private static let outcomes: [NetlinkFaults.Outcome] = [
            .refuse(errno: EPERM), .refuse(errno: EOPNOTSUPP), .lose(errno: ENOBUFS),
        ]

        @Test("at any request of the node's set-up leaves nothing, and the next try succeeds", arguments: 0..<3)
        func nodeSetUp(kind: Int) async throws {
            let injector = FaultInjector()
            let lab = try Lab(nodeFaults: injector.faults)
            let pod = try lab.makePod()
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = Underlay(interface: "under0", mtu: 1500, addresses: [try prefix("10.0.0.1/24")])
            let plan = try NodeNetworkPlan(
                for: interface, over: underlay, identifier: 7, port: Lab.port, vm: try address("10.0.0.2"))
            let (before, nodeBefore) = (try Census(pod), try Census(lab.node))
            try await everyCall(injector, Self.outcomes[kind]) {
                try await lab.nodeNetworks.setUp(plan, in: pod.path)
            } check: { call in
                let (inPod, inNode) = (try Census(pod), try Census(lab.node))
                #expect(inPod == before && inNode == nodeBefore, "after \(call)")
            } between: {
                try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
            }
            #expect(try Census(pod) == before)
        }

        @Test("at any request of the VM's set-up leaves nothing, and the next try succeeds", arguments: 0..<3)
        func guestSetUp(kind: Int) async throws {
            let injector = FaultInjector()
            let lab = try Lab(vmFaults: injector.faults)
            let joined = try await Joined(
                lab, pod: try lab.makePod(3, isDual: true), podSubnets: [try prefix("10.96.0.0/12")])
            var plan = joined.vmPlan
            plan.neighbors = [PodNeighbor(try address("10.244.1.1"), is: try ethernet("02:00:00:00:00:09"))]
            plan.forbidden = [try prefix("192.0.2.9/32"), try prefix("2001:db8::9/128")]
            plan.ownServices = [try address("169.254.169.254")]
            let home = joined.home
            try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: home.path)
            let (before, vmBefore) = (try Census(home), try Census(lab.vm))
            try await everyCall(injector, Self.outcomes[kind]) {
                try await lab.vmNetworks.setUp(plan, in: home.path)
            } check: { call in
                let (inHome, inVM) = (try Census(home), try Census(lab.vm))
                #expect(inHome == before && inVM == vmBefore, "after \(call)")
            } between: {
                try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: home.path)
            }
            #expect(try Census(home) == before)
        }

        @Test("at any request of the removal can be retried until nothing is left")
        func tearDown() async throws {
            let injector = FaultInjector()
            let lab = try Lab(nodeFaults: injector.faults)
            let pod = try lab.makePod()
            let before = try Census(pod)
            let joined = try await Joined(lab, pod: pod)
            for number in 0... {
                injector.arm(nil)
                try await lab.nodeNetworks.setUp(joined.nodePlan, in: pod.path)
                injector.arm(number, .refuse(errno: EBUSY))
                do {
                    try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
                    break
                } catch let error as PodNetworkError {
                    #expect(error.errno == EBUSY)
                }
                injector.arm(nil)
                try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
                #expect(try Census(pod) == before)
            }
            #expect(injector.calls.count > 4)
        }

        @Test("does not change a network that is already as planned")
        func repair() async throws {
            let injector = FaultInjector()
            let lab = try Lab(nodeFaults: injector.faults)
            let joined = try await Joined(lab, pod: try lab.makePod())
            let before = try Census(joined.pod)
            try await everyCall(injector, .refuse(errno: ENOBUFS)) {
                try await lab.nodeNetworks.setUp(joined.nodePlan, in: joined.pod.path)
            } check: { call in
                let now = try Census(joined.pod)
                #expect(now == before, "after \(call)")
            } between: {
            }
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
        }

        @Test("at any request of an inspection, or of a removal in the VM, gives an error that names the object")
        func everyOther() async throws {
            let injector = FaultInjector()
            let lab = try Lab(nodeFaults: injector.faults, vmFaults: injector.faults)
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
                    injector.arm(number, .refuse(errno: ENOMEM))
                    do {
                        try await look()
                        break
                    } catch let error as PodNetworkError {
                        #expect(error.errno == ENOMEM && !error.object.isEmpty && error.remedy.contains("memory"))
                    }
                }
                #expect(injector.calls.count >= 2)
            }
            injector.arm(nil)
            for number in 0... {
                try await lab.vmNetworks.setUp(plan, in: home)
                #expect(try await lab.vmNetworks.state(of: plan, in: home).problems == [])
                injector.arm(number, .refuse(errno: EBUSY))
                let isDone: Bool
                do {
                    try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: home)
                    isDone = true
                } catch let error as PodNetworkError {
                    #expect(error.errno == EBUSY)
                    isDone = false
                }
                injector.arm(nil)
                try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: home)
                let left = try Census(joined.home)
                #expect(left.links.count == 1 && left.prohibitions == [] && left.routes == [])
                if isDone { break }
            }
        }

        @Test("of the rollback gives an error with what is left, which the next removal removes")
        func leftBehind() async throws {
            let injector = FaultInjector()
            let lab = try Lab(nodeFaults: injector.faults)
            let pod = try lab.makePod()
            let before = try Census(pod)
            let plan = try NodeNetworkPlan(Tunnel(7, to: try address("10.0.0.2")))
            injector.arm(nil)
            try await lab.nodeNetworks.setUp(plan, in: pod.path)
            let count = injector.calls.count
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
            injector.arm(count - 1, .refuse(errno: ENOBUFS), andAllAfter: true)
            let error = try await failure { try await lab.nodeNetworks.setUp(plan, in: pod.path) }
            #expect(error.leftBehind == ["the rules on eth0", "the rules on vxlan1", "vxlan1"])
            #expect(error.description.contains("left behind: the rules on eth0"))
            injector.arm(nil)
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
            #expect(try Census(pod) == before)
        }

        @Test("because a list has changed is followed by another try")
        func interrupted() async throws {
            let injector = FaultInjector()
            let lab = try Lab(nodeFaults: injector.faults)
            let pod = try lab.makePod()
            injector.arm(nil)
            let found = try await lab.nodeNetworks.inspect(pod.path)
            let count = injector.calls.count
            for number in 0..<count {
                injector.arm(number, .interrupt)
                let again = try await lab.nodeNetworks.inspect(pod.path)
                // IPv6 adds addresses of its own a moment later.
                #expect(again.name == found.name && again.routes.contains(found.routes[0]))
                #expect(again.addresses.contains(found.addresses[0]))
                #expect(injector.calls.count == count + 1)
            }
        }

        @Test("gives an error with the object, the reason and the remedy")
        func words() async throws {
            let injector = FaultInjector()
            let lab = try Lab(nodeFaults: injector.faults)
            let pod = try lab.makePod()
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = Underlay(interface: "under0", mtu: 1500, addresses: [try prefix("10.0.0.1/24")])
            let plan = try NodeNetworkPlan(
                for: interface, over: underlay, identifier: 7, port: Lab.port, vm: try address("10.0.0.2"))
            try await everyCall(injector, .refuse(errno: EOPNOTSUPP)) {
                try await lab.nodeNetworks.setUp(plan, in: pod.path)
            } failed: { call, error in
                #expect(error.description.contains("Operation not supported"), "\(call)")
                #expect(!error.remedy.isEmpty && !error.object.isEmpty)
                if call.hasPrefix("create") {
                    #expect(error.code == .unsupported && error.remedy.contains("CONFIG_VXLAN"))
                }
                if call.contains("redirection") { #expect(error.remedy.contains("CONFIG_NET_ACT_MIRRED")) }
            } between: {
                try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: pod.path)
            }
        }

        /// Runs `body` again and again, with another of its requests refused each time, until none is left to refuse.
        private func everyCall(
            _ injector: FaultInjector, _ outcome: NetlinkFaults.Outcome, _ body: () async throws -> Void,
            check: (String) throws -> Void = { _ in }, failed: (String, PodNetworkError) -> Void = { _, _ in },
            between: () async throws -> Void
        ) async throws {
            var survived = 0
            for number in 0... {
                injector.arm(number, outcome)
                var failure: PodNetworkError?
                do { try await body() } catch let error as PodNetworkError { failure = error }
                let calls = injector.calls
                guard number < calls.count else {
                    #expect(failure == nil)
                    #expect(number > 4 && survived < number / 2)
                    injector.arm(nil)
                    return try await between()
                }
                injector.arm(nil)
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
