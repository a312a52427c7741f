import Glibc
import LinuxIO
import NetworkRig
import Testing

@testable import PodNetwork

/// Sends packets of a test's own through a tunnel, and sees what comes out behind it.
private final class Wire {
    /// Sends a frame as the payload of a VXLAN packet, from the namespace's own address.
    static func send(_ frame: [UInt8], _ identifier: UInt32, from sender: NetworkNamespace, to target: String) throws {
        let target = try address(target)
        let number = identifier << 8
        let bytes = [8, 0, 0, 0] + (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(24 - $0 * 8)) } + frame
        let port = [UInt8(Lab.port >> 8), UInt8(Lab.port & 0xFF)]
        let family = [UInt8(target.family), 0]
        let name =
            target.isVersion6
            ? family + port + [0, 0, 0, 0] + target.bytes + [0, 0, 0, 0]
            : family + port + target.bytes + [UInt8](repeating: 0, count: 8)
        let sent = try sender.run { () -> Int in
            let fd = socket(target.family, CInt(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
            defer { close(fd) }
            return unsafe name.withUnsafeBytes { name in
                unsafe sendto(
                    fd, bytes, bytes.count, 0, name.baseAddress?.assumingMemoryBound(to: sockaddr.self),
                    socklen_t(name.count))
            }
        }
        try #require(sent == bytes.count)
    }

    private let fd: OwnedFD

    /// Sees every frame that comes in on an interface from now on.
    init(_ interface: String, in namespace: NetworkNamespace) throws {
        let link = try Lab.socket(namespace).made(interface)
        let all = UInt16(0x0003).bigEndian
        let number = try namespace.run { () -> CInt in
            let fd = socket(AF_PACKET, CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), CInt(all))
            // struct sockaddr_ll
            let name = [UInt8(AF_PACKET), 0, 0, 3] + memory(of: link.index) + [UInt8](repeating: 0, count: 12)
            unsafe name.withUnsafeBytes { name in
                unsafe _ = bind(fd, name.baseAddress?.assumingMemoryBound(to: sockaddr.self), socklen_t(name.count))
            }
            return fd
        }
        try #require(number >= 0)
        fd = OwnedFD(owning: number)
        var patience = timeval(tv_sec: 5, tv_usec: 0)
        unsafe setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    /// The tags of the frames that have come, up to the one that ends with `last`; nil if that does not come.
    func tags(until last: String) -> [String]? {
        var tags: [String] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = unsafe recv(fd.rawValue, &buffer, buffer.count, 0)
            guard count > 0 else { return nil }
            let text = String(decoding: buffer[..<count], as: UTF8.self)
            guard let start = text.firstRange(of: "<tag>")?.upperBound else { continue }
            let tag = String(text[start...])
            tags.append(tag)
            if tag == last { return tags }
        }
    }
}

extension Frame {
    /// With a text behind the packet, by which it is found again.
    fileprivate func tagged(_ tag: String) -> [UInt8] { bytes + Array("<tag>\(tag)".utf8) }
}

/// A pod with its node and VM, and another tenant's VM on the same network as both, in which an attacker is root.
private struct Attack {
    let lab: Lab
    let joined: Joined
    let maker: FrameMaker
    let attacker: NetworkNamespace
    /// Where the tunnel's ends are.
    let ends: (node: String, vm: String)

    /// Where the attacker reaches them.
    static let node = (version4: "10.7.0.1", version6: "fd00:7::1")
    static let vm = (version4: "10.8.0.1", version6: "fd00:8::1")

    init(overVersion6: Bool = false) async throws {
        lab = try Lab()
        attacker = try .make(named: "attacker")
        ends = overVersion6 ? ("fd00:1::1", "fd00:1::2") : ("10.0.0.1", "10.0.0.2")
        let (inNode, inVM, inAttacker) = (try Lab.socket(lab.node), try Lab.socket(lab.vm), try Lab.socket(attacker))
        try inNode.createVethPair("other0", "eth0", in: attacker)
        try Lab.up("other0", inNode, ["\(Self.node.version4)/24", "\(Self.node.version6)/64"])
        try Lab.up("eth0", inAttacker, ["10.7.0.2/24", "fd00:7::2/64"])
        try inVM.createVethPair("other0", "eth1", in: attacker)
        try Lab.up("other0", inVM, ["\(Self.vm.version4)/24", "\(Self.vm.version6)/64"])
        try Lab.up("eth1", inAttacker, ["10.8.0.2/24", "fd00:8::2/64"])
        joined = try await Joined(lab, pod: try lab.makePod(5, isDual: true), vm: ends.vm)
        maker = try FrameMaker(
            mac: joined.interface.hardwareAddress, version4: try address("10.244.1.10"),
            version6: try address("fd00:244::5"))
        // IPv6 addresses are used only once the kernel knows that no other host has them.
        for target in [Self.node, Self.vm] {
            while try !Lab.pings(target.version6, from: attacker, "-6") {}
            #expect(try Lab.pings(target.version4, from: attacker))
        }
    }

    var identifier: UInt32 { joined.nodePlan.tunnel.identifier }
}

extension RealNamespaces {
    /// Root in a tenant's VM can send what it likes, from the address that the VM has in the cloud's network.
    @Suite("forged packets")
    struct ForgeryTests {
        @Test("with the tunnel's identifier from another host are dropped on the node", arguments: [false, true])
        func intoTheNode(overVersion6: Bool) async throws {
            let attack = try await Attack(overVersion6: overVersion6)
            let (lab, joined, maker) = (attack.lab, attack.joined, attack.maker)
            let cluster = try Wire("pod5", in: lab.node)
            for _ in 0..<3 {
                for (name, frame) in try maker.own() + maker.forged() {
                    for target in [Attack.node.version4, Attack.node.version6] {
                        try Wire.send(
                            frame.tagged("attacker's \(name)"), attack.identifier, from: attack.attacker, to: target)
                    }
                }
            }
            let last = maker.version4(from: maker.version4).tagged("end")
            try Wire.send(last, attack.identifier, from: lab.vm, to: attack.ends.node)
            #expect(cluster.tags(until: "end") == ["end"])
            // Nor does the interface learn where the attacker is, who then would get the pod's packets.
            let inPod = try Lab.socket(joined.pod)
            let all = try Lab.command("bridge fdb show dev vxlan1", in: joined.pod)
            #expect(all.split(separator: "\n").count == Int(NodeNetworkPlan.forwardingLimit), "\(all)")
            #expect(
                try inPod.permanentEntries(of: try inPod.made("vxlan1")).contains(joined.nodePlan.forwardingEntry))
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            #expect(try await lab.nodeNetworks.state(of: joined.nodePlan, in: joined.pod.path).problems == [])
        }

        @Test("with another pod's addresses do not pass from the VM into the cluster", arguments: [false, true])
        func intoTheCluster(overVersion6: Bool) async throws {
            let attack = try await Attack(overVersion6: overVersion6)
            let (lab, maker) = (attack.lab, attack.maker)
            let cluster = try Wire("pod5", in: lab.node)
            for (name, frame) in try maker.forged() {
                try Wire.send(frame.tagged("forged \(name)"), attack.identifier, from: lab.vm, to: attack.ends.node)
            }
            var expected: [String] = []
            for (name, frame) in try maker.own() {
                try Wire.send(frame.tagged(name), attack.identifier, from: lab.vm, to: attack.ends.node)
                expected.append(name)
            }
            let last = maker.version4(from: maker.version4).tagged("end")
            try Wire.send(last, attack.identifier, from: lab.vm, to: attack.ends.node)
            #expect(cluster.tags(until: "end") == expected + ["end"])
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            #expect(try Lab.pings("fd00:244::5", from: lab.client, "-6"))
        }

        @Test(
            "with the tunnel's identifier from another host do not reach the pod in the VM", arguments: [false, true])
        func intoThePod(overVersion6: Bool) async throws {
            let attack = try await Attack(overVersion6: overVersion6)
            let (lab, joined, maker) = (attack.lab, attack.joined, attack.maker)
            let pod = try Wire("eth0", in: joined.home)
            // Whole, and in pieces, the first of which is the UDP header and little more.
            let whole = maker.version4(from: maker.other4, mac: maker.otherMAC, to: maker.version4)
            let large = Frame(
                destination: whole.destination, source: whole.source, type: whole.type,
                payload: whole.payload + [UInt8](repeating: 0, count: 3000))
            for target in [Attack.vm.version4, Attack.vm.version6] {
                for frame in [whole, large] {
                    try Wire.send(frame.tagged("attacker's"), attack.identifier, from: attack.attacker, to: target)
                }
            }
            try Wire.send(whole.tagged("end"), attack.identifier, from: lab.node, to: attack.ends.vm)
            #expect(pod.tags(until: "end") == ["end"])
            // The VM's other addresses stay reachable.
            #expect(try Lab.pings(Attack.vm.version4, from: attack.attacker))
            #expect(try Lab.pings("10.244.1.10", from: lab.client))
            #expect(try await lab.vmNetworks.state(of: joined.vmPlan, in: joined.home.path).problems == [])
        }

        @Test("pass where a check is missing; the state names the check, and the next set-up repairs it")
        func repair() async throws {
            let attack = try await Attack()
            let (lab, joined, maker) = (attack.lab, attack.joined, attack.maker)
            let (pod, home) = (joined.pod, joined.home)
            let inPod = try Lab.socket(pod)
            let tunnel = try inPod.made("vxlan1")
            func problems() async throws -> [String] {
                try await lab.nodeNetworks.state(of: joined.nodePlan, in: pod.path).problems
                    + lab.vmNetworks.state(of: joined.vmPlan, in: home.path).problems
            }
            let breaks: [(String, () throws -> Void)] = [
                (
                    "not checked",
                    {
                        // As it was made before there was a check.
                        try inPod.removeIngress(from: tunnel)
                        try inPod.addIngress(to: tunnel)
                        try inPod.addRedirect(from: tunnel, to: try inPod.made("eth0"))
                    }
                ),
                (
                    "from hosts other than the VM",
                    { try Lab.command("bridge fdb del \(maker.mac) dev vxlan1 self", in: pod) }
                ),
                (
                    "from hosts other than the VM",
                    { try Lab.command("ip link set vxlan1 type vxlan nolearning", in: pod) }
                ),
                (
                    "from hosts other than the node", { try Lab.command("ip xfrm policy flush", in: lab.vm) }
                ),
            ]
            for (words, damage) in breaks {
                try damage()
                let found = try await problems()
                #expect(found.count == 1 && found[0].contains(words), "\(found)")
                try await lab.nodeNetworks.setUp(joined.nodePlan, in: pod.path)
                try await lab.vmNetworks.setUp(joined.vmPlan, in: home.path)
                #expect(try await problems() == [])
                #expect(try Lab.pings("10.244.1.10", from: lab.client))
            }
        }

        @Test("are dropped, while another program's VXLAN on the same port works")
        func others() async throws {
            let attack = try await Attack()
            for (namespace, peer, own) in [
                (attack.lab.node, "10.7.0.2", "172.30.0.1"), (attack.attacker, "10.7.0.1", "172.30.0.2"),
            ] {
                try Lab.command(
                    "ip link add flannel.1 type vxlan id 1 remote \(peer) dstport 4789 nolearning && "
                        + "ip addr add \(own)/24 dev flannel.1 && ip link set flannel.1 up", in: namespace)
            }
            #expect(try Lab.pings("172.30.0.2", from: attack.lab.node))
            #expect(try Lab.pings("10.244.1.10", from: attack.lab.client))
        }
    }
}
