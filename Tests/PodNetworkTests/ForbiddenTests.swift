import Glibc
import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

extension RealNamespaces {
    @Suite("a forbidden destination")
    struct ForbiddenTests {
        private static let metadata = "169.254.169.254"
        private let lab: Lab
        private let joined: Joined

        /// Both the node and the VM have a metadata service, at the same address.
        init() async throws {
            lab = try Lab()
            for host in [lab.node, lab.vm] {
                let socket = try Lab.socket(host)
                try socket.add(NetPrefix(only: try address(Self.metadata)), to: try socket.made("lo"))
                try socket.add(NetPrefix(only: try address("2001:db8::254")), to: try socket.made("lo"))
            }
            joined = try await Joined(lab, pod: try lab.makePod(5, isDual: true))
        }

        @Test("cannot be reached through the VM or the node, and fails at once, as long as the plan forbids it")
        func forbidden() async throws {
            // Without being told, the pod's way there is through the node.
            #expect(try Lab.pings(Self.metadata, from: joined.home))
            #expect(try Lab.pings("2001:db8::254", from: joined.home, "-6"))
            let before = try Census(joined.home)
            var plan = joined.vmPlan
            plan.forbidden = [try prefix("169.254.169.254/32"), try prefix("2001:db8::254/128")]
            // As the CNI's own route would have it.
            plan.routes.append(PodRoute(to: try prefix("169.254.169.254/32"), through: try address("10.244.1.1")))
            for _ in 0..<2 {
                try await lab.vmNetworks.setUp(plan, in: joined.home.path)
                #expect(try Census(joined.home).prohibitions == Set(plan.forbidden))
                #expect(try await lab.vmNetworks.state(of: plan, in: joined.home.path).problems == [])
            }
            #expect(try !Lab.pings(Self.metadata, from: joined.home))
            #expect(try !Lab.pings(Self.metadata, from: joined.home, "-I eth0"))
            for options in ["-6", "-6 -I eth0"] {
                #expect(try !Lab.pings("2001:db8::254", from: joined.home, options))
            }
            #expect(try joined.home.run { try? Traffic.refusal(connecting: Self.metadata) } == EACCES)
            #expect(try Lab.pings("10.244.1.2", from: joined.home))
            // Another program removes the prohibition: the state says so, and the next set-up repairs it.
            try Lab.socket(joined.home).permit(plan.forbidden[0])
            let open = try await lab.vmNetworks.state(of: plan, in: joined.home.path)
            #expect(open.problems.count == 1 && open.problems[0].contains("169.254.169.254/32"), "\(open.problems)")
            try await lab.vmNetworks.setUp(plan, in: joined.home.path)
            #expect(try !Lab.pings(Self.metadata, from: joined.home))
            try Lab.socket(joined.home).removeOutgoingProgram(from: try Lab.socket(joined.home).made("eth0"))
            #expect(try Lab.pings(Self.metadata, from: joined.home, "-I eth0"))
            #expect(try await lab.vmNetworks.state(of: plan, in: joined.home.path).problems.count == 2)
            plan.forbidden.append(try prefix("192.0.2.128/25"))
            try await lab.vmNetworks.setUp(plan, in: joined.home.path)
            #expect(
                try Lab.socket(joined.home).outgoingProgram(of: Lab.socket(joined.home).made("eth0"))
                    == plan.outgoingProgram?.bytes)
            #expect(try !Lab.pings(Self.metadata, from: joined.home, "-I eth0"))
            try await lab.vmNetworks.setUp(joined.vmPlan, in: joined.home.path)
            #expect(try Census(joined.home) == before)
            #expect(try Lab.pings(Self.metadata, from: joined.home))
        }

        @Test("is answered by the VM where its own service has the address")
        func ownServices() async throws {
            var plan = joined.vmPlan
            plan.ownServices = [try address(Self.metadata), try address("2001:db8::254")]
            let before = try Census(joined.home)
            for _ in 0..<2 { try await lab.vmNetworks.setUp(plan, in: joined.home.path) }
            // The way out of the VM is not needed for it.
            try await lab.nodeNetworks.removeNodeNetwork(podInterface: "eth0", in: joined.pod.path)
            #expect(try Lab.pings(Self.metadata, from: joined.home))
            #expect(try Lab.pings("2001:db8::254", from: joined.home, "-6"))
            #expect(try await lab.vmNetworks.state(of: plan, in: joined.home.path).problems == [])
            try await lab.vmNetworks.setUp(joined.vmPlan, in: joined.home.path)
            #expect(try Census(joined.home) == before)
            #expect(try !Lab.pings(Self.metadata, from: joined.home))
            let missing = try await lab.vmNetworks.state(of: plan, in: joined.home.path).problems
            #expect(missing.count == 2 && missing.allSatisfy { $0.contains("service") }, "\(missing)")
        }

        @Test("is removed with the VM's side, and prohibitions of other programs stay")
        func gone() async throws {
            var plan = joined.vmPlan
            plan.forbidden = [try prefix("169.254.169.254/32"), try prefix("2001:db8::254/128")]
            plan.ownServices = [try address("192.0.2.7")]
            try #require(try Lab.succeeds("ip route add prohibit 192.0.2.8/32", in: joined.home), "needs ip")
            try await lab.vmNetworks.setUp(plan, in: joined.home.path)
            for _ in 0..<2 {
                try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: joined.home.path)
                let left = try Census(joined.home)
                #expect(left.prohibitions == [] && left.routes == [] && left.links.count == 1)
                #expect(left.addresses.allSatisfy { $0.address.isLoopback })
            }
            #expect(try Lab.succeeds("ip route show | grep 'prohibit 192.0.2.8'", in: joined.home))
        }
    }
}
