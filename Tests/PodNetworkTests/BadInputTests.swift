import Glibc
import LinuxIO
import NetworkRig
import Testing

@testable import PacketFilter
@testable import PodNetwork

extension RealNamespaces {
    @Suite("faults of the CNI plugin, the operator or another program")
    struct BadInputTests {
        private let lab: Lab
        private let remote: NetAddress

        init() throws {
            lab = try Lab()
            remote = try address("10.0.0.2")
        }

        @Test("an interface without an IP or Ethernet address is refused as the pod's")
        func noAddress() async throws {
            let pod = try NetworkNamespace.make(named: "pod")
            let eth0 = try lab.plug(pod, "p", [])
            try Lab.socket(pod).add(PodRoute(to: try prefix("0.0.0.0/0")), over: eth0)
            let bare = try await failure { _ = try await lab.nodeNetworks.inspect(pod.path) }
            #expect(bare.code == .noPrimaryInterface && bare.reason.contains("no address"), "\(bare)")

            let other = try NetworkNamespace.make(named: "other")
            try #require(
                try Lab.succeeds(
                    "ip tuntap add name tun0 mode tun && ip addr add 10.9.0.1/24 dev tun0 && ip link set tun0 up",
                    in: other), "needs ip and /dev/net/tun")
            let point = try await failure { _ = try await lab.nodeNetworks.inspect(other.path) }
            #expect(point.code == .noPrimaryInterface && point.reason.contains("Ethernet"), "\(point)")
        }

        @Test("two default routes with the same priority are refused")
        func twoAlike() async throws {
            let pod = try NetworkNamespace.make(named: "pod")
            try lab.plug(pod, "p", ["10.244.1.9/24"])
            try Lab.socket(lab.node).createVethPair("q", "eth1", in: pod)
            try Lab.up("q", try Lab.socket(lab.node))
            try Lab.up("eth1", try Lab.socket(pod), ["10.99.0.2/24"])
            try Lab.command(
                "ip route add default nexthop via 10.244.1.1 dev eth0 nexthop via 10.99.0.1 dev eth1", in: pod)
            let two = try await failure { _ = try await lab.nodeNetworks.inspect(pod.path) }
            #expect(two.code == .noPrimaryInterface && two.reason.contains("eth0, eth1"), "\(two)")
        }

        @Test("an interface's name of 15 bytes works on both sides")
        func longName() async throws {
            let name = "abcdefghijklmno"
            let pod = try NetworkNamespace.make(named: "pod")
            let socket = try Lab.socket(lab.node)
            try socket.createVethPair("p", name, in: pod)
            try socket.setMaster(try socket.made("cni0"), of: try socket.made("p"))
            try Lab.up("p", socket)
            let inPod = try Lab.socket(pod)
            let link = try Lab.up(name, inPod, ["10.244.1.77/24"])
            try inPod.add(PodRoute(to: .allVersion4, through: try address("10.244.1.1")), over: link)
            let joined = try await Joined(lab, pod: pod)
            #expect(joined.interface.name == name)
            #expect(try Lab.pings("10.244.1.77", from: lab.client))
            let state = try await lab.vmNetworks.state(of: joined.vmPlan, in: joined.home.path)
            #expect(state.problems == [] && state.pod?.interface == name)
        }

        @Test(
            "a program that uses the tunnel's UDP port is the reason in the error, on both sides",
            arguments: [true, false])
        func portTaken(isNode: Bool) async throws {
            let host = isNode ? lab.node : lab.vm
            let (pod, home) = (try lab.makePod(), try NetworkNamespace.make(named: "podns"))
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = Underlay(interface: "under0", mtu: 1500, addresses: [try prefix("10.0.0.1/24")])
            let nodePlan = try NodeNetworkPlan(
                for: interface, over: underlay, identifier: 7, port: Lab.port, vm: remote)
            let vmPlan = try GuestNetworkPlan(for: interface, over: underlay, identifier: 7, port: Lab.port, vm: remote)
            let (path, networks) = isNode ? (pod.path, lab.nodeNetworks) : (home.path, lab.vmNetworks)
            func setUp() async throws {
                if isNode {
                    try await networks.setUp(nodePlan, in: path)
                } else {
                    try await networks.setUp(vmPlan, in: path)
                }
            }
            try Lab.up("lo", try Lab.socket(home))
            let before = try Census(isNode ? pod : home)
            do {
                let taken = OwnedFD(
                    owning: try host.run {
                        let fd = socket(AF_INET, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
                        var name = sockaddr_in()
                        name.sin_family = sa_family_t(AF_INET)
                        name.sin_port = UInt16(Lab.port).bigEndian
                        let result = unsafe withUnsafeBytes(of: &name) { bytes in
                            unsafe bind(
                                fd, bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
                        }
                        return result == 0 ? fd : -1
                    })
                try #require(taken.rawValue >= 0)
                let clash = try await failure { try await setUp() }
                #expect(clash.code == .taken && clash.remedy.contains("-vxlan-port"), "\(clash)")
                #expect(clash.leftBehind == [])
                #expect(try Census(isNode ? pod : home) == before)
                _ = taken.rawValue
            }
            try await setUp()
        }

        @Test(
            "the error about a missing or unmounted namespace in the VM names the unit that makes it")
        func missingInVM() async throws {
            let pod = try lab.makePod()
            let joined = try await Joined(lab, pod: pod)
            let file = "/tmp/podns-\(getpid())"
            let fd = try systemCall("open") { unsafe creat(file, 0o600) }
            defer { unsafe unlink(file) }
            close(fd)
            for (path, code) in [
                ("/run/netns/podns-not-there", PodNetworkError.Code.missingNamespace), (file, .unusableNamespace),
                (lab.vm.path, .unusableNamespace),
            ] {
                let error = try await failure { try await lab.vmNetworks.setUp(joined.vmPlan, in: path) }
                #expect(error.code == code, "\(path)")
                if path != lab.vm.path { #expect(error.remedy.contains("netns@podns"), "\(error)") }
                let untold = try await failure {
                    _ = try await lab.vmNetworks.state(of: joined.vmPlan, in: path)
                }
                #expect(untold.code == code)
                try await lab.vmNetworks.removeGuestNetwork(interface: "eth0", in: path)
            }
        }

        @Test("an invalid plan changes nothing in the VM", arguments: [0, 1, 2])
        func absurd(number: Int) async throws {
            let joined = try await Joined(lab, pod: try lab.makePod())
            let changes: [(inout GuestNetworkPlan) -> Void] = [
                { $0.mtu = 0 }, { $0.addresses = [.allVersion4] }, { $0.tunnel.identifier = 1 << 24 },
            ]
            let (before, vmBefore) = (try Census(joined.home), try Census(lab.vm))
            var plan = joined.vmPlan
            changes[number](&plan)
            let error = try await failure { try await lab.vmNetworks.setUp(plan, in: joined.home.path) }
            #expect(error.code == .invalidPlan)
            #expect(try Census(joined.home) == before)
            #expect(try Census(lab.vm) == vmBefore)
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
        }
    }

    @Suite("capabilities in use")
    struct CapabilityUseTests {
        /// What each end takes, on a thread that has no other capabilities than these.
        private func ends(_ lab: Lab, with names: [String]) throws -> [any Error] {
            let (pod, home) = (try lab.makePod(), try NetworkNamespace.make(named: "podns"))
            let plan = try NodeNetworkPlan(Tunnel(7, port: Lab.port, to: try address("10.0.0.2")))
            var vmPlan = GuestNetworkPlan(
                interface: "eth0", hardwareAddress: try ethernet("02:00:00:00:00:05"), mtu: 1450,
                addresses: [try prefix("10.244.1.10/24"), try prefix("fd00:244::5/64")],
                routes: [PodRoute(to: .allVersion4, through: try address("10.244.1.1"), isOnLink: true)],
                neighbors: [PodNeighbor(try address("10.244.1.1"), is: try ethernet("02:00:00:00:00:09"))],
                tunnel: Tunnel(7, port: Lab.port, to: try address("10.0.0.1")))
            vmPlan.forbidden = [try prefix("169.254.169.254/32")]
            vmPlan.ownServices = [try address("192.0.2.7")]
            let (node, vm) = (
                NodeNetworkSetup(node: lab.node, podNamespace: pod, faults: .none),
                GuestNetworkSetup(vm: lab.vm, podNamespace: home, faults: .none)
            )
            let all = vmPlan
            let errors = try Thread.run { () -> [any Error]? in
                guard Capabilities.keepOnly(names) else { return nil }
                var errors: [any Error] = []
                do {
                    let home = try NetworkNamespace(opening: pod.path)
                    _ = try Inspector.pod(try NetlinkSocket.open(in: home, "pod"))
                    _ = try Inspector.underlay(
                        try NetlinkSocket.open(in: lab.node, "node"), named: "under0", toward: plan.tunnel.remote)
                    let peers = try UntrackedPeers(port: Lab.port, in: lab.node)
                    try peers.insert("10.0.0.2")
                    try peers.delete("10.0.0.2")
                } catch {
                    errors.append(error)
                }
                do throws(PodNetworkError) { try node.setUp(plan) } catch { errors.append(error) }
                do throws(PodNetworkError) { try vm.setUp(all) } catch { errors.append(error) }
                do throws(PodNetworkError) {
                    try node.remove(podInterface: "eth0", identifier: 7)
                } catch {
                    errors.append(error)
                }
                do throws(PodNetworkError) { try vm.remove(interface: "eth0") } catch { errors.append(error) }
                return errors
            }
            return try #require(errors, "capset")
        }

        @Test("NET_ADMIN and SYS_ADMIN are enough for both sides and for the packet filter")
        func enough() throws {
            #expect(try ends(try Lab(), with: ["NET_ADMIN", "SYS_ADMIN"]).map { "\($0)" } == [])
        }

        @Test(
            "without one of them the operation is not permitted, and the error names the needed ones",
            arguments: ["NET_ADMIN", "SYS_ADMIN"])
        func missing(name: String) throws {
            let errors = try ends(try Lab(), with: ["NET_ADMIN", "SYS_ADMIN"].filter { $0 != name })
            #expect(errors.count >= 2)
            for error in errors.compactMap({ $0 as? PodNetworkError }) {
                #expect(error.code == .notPermitted && error.remedy.contains("NET_ADMIN and SYS_ADMIN"), "\(error)")
            }
        }
    }
}

/// Taking capabilities away from one thread, and from those that it starts.
enum Capabilities {
    /// Their numbers in linux/capability.h.
    private static let numbers = ["NET_ADMIN": UInt32(12), "SYS_ADMIN": 21]

    /// Leaves the thread that calls only these; false if that was not possible.
    static func keepOnly(_ names: [String]) -> Bool {
        typealias Call = @convention(c) (UnsafePointer<UInt32>, UnsafePointer<UInt32>) -> CInt
        // The C library has it, and no header of it does.
        guard let symbol = unsafe dlsym(nil, "capset") else { return false }
        let set = unsafe unsafeBitCast(symbol, to: Call.self)
        let mask = names.compactMap { numbers[$0] }.reduce(UInt32(0)) { $0 | 1 << $1 }
        // Version 3, this thread; effective, permitted, inheritable, of which there are two words each.
        return unsafe set([0x2008_0522, 0], [mask, mask, 0, 0, 0, 0]) == 0
    }
}
