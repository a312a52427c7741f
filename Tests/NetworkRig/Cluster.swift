internal import Glibc
package import LinuxIO
internal import PodNetwork

/// A ``Lab`` whose node routes, with another host behind it, and one farther away that not every packet reaches whole:
///
///     far  10.9.0.2 ── outside  10.8.0.2 ── 10.8.0.1  node ═══ VM
///          fd00:9::2            fd00:8::2             (pods: as a CNI attaches them)
///
/// `outside` passes nothing larger than ``narrow`` on to `far`, and says so to who sends it. The node has a service,
/// UDP port 53 of 10.96.0.10, which it translates to `outside` as kube-proxy would.
package final class Cluster: Sendable {
    /// The largest packet that gets to `far`, in bytes.
    package static let narrow = 1300
    package let lab: Lab
    package let outside: NetworkNamespace
    package let far: NetworkNamespace
    package var node: NetworkNamespace { lab.node }

    package init() throws {
        lab = try Lab()
        outside = try .make(named: "outside")
        far = try .make(named: "far")
        let (inNode, inOutside, inFar) = (try Lab.socket(lab.node), try Lab.socket(outside), try Lab.socket(far))
        for (host, socket) in [(lab.node, inNode), (outside, inOutside), (far, inFar)] {
            try Lab.up("lo", socket)
            try Lab.command("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1", in: host)
        }
        try inNode.createVethPair("out0", "eth0", in: outside)
        let out0 = try Lab.up("out0", inNode, ["10.8.0.1/24", "fd00:8::1/64"])
        let eth0 = try Lab.up("eth0", inOutside, ["10.8.0.2/24", "fd00:8::2/64"])
        for (everywhere, router) in [(NetPrefix.allVersion4, "10.8.0.2"), (.allVersion6, "fd00:8::2")] {
            try inNode.add(PodRoute(to: everywhere, through: try address(router)), over: out0)
        }
        for (everywhere, router) in [(NetPrefix.allVersion4, "10.8.0.1"), (.allVersion6, "fd00:8::1")] {
            try inOutside.add(PodRoute(to: everywhere, through: try address(router)), over: eth0)
        }
        try inOutside.createVethPair("far0", "eth0", in: far)
        try Lab.up("far0", inOutside, ["10.9.0.1/24", "fd00:9::1/64"])
        let farEnd = try Lab.up("eth0", inFar, ["10.9.0.2/24", "fd00:9::2/64"])
        for (everywhere, router) in [(NetPrefix.allVersion4, "10.9.0.1"), (.allVersion6, "fd00:9::1")] {
            try inFar.add(PodRoute(to: everywhere, through: try address(router)), over: farEnd)
        }
        // Not the veth pair's MTU: `far` would announce that in each TCP connection, and path MTU discovery would not be tested.
        try Lab.command(
            "ip route add 10.9.0.2/32 dev far0 mtu lock \(Self.narrow) && "
                + "ip -6 route add fd00:9::2/128 dev far0 mtu lock \(Self.narrow)", in: outside)
        try Lab.command(
            "nft 'add table ip services; add chain ip services c { type nat hook prerouting priority -100; }; "
                + "add rule ip services c ip daddr 10.96.0.10 udp dport 53 dnat to 10.8.0.2'", in: node)
    }

    /// How many packets each of these had to cut in pieces so far.
    package static func fragments(_ hosts: [NetworkNamespace]) throws -> Int {
        var count = 0
        for host in hosts {
            let text = try Lab.command("cat /proc/self/net/snmp; grep Ip6FragCreates /proc/self/net/snmp6", in: host)
            let lines = text.split(separator: "\n").map { $0.split(whereSeparator: \.isWhitespace) }
            let rows = lines.filter { $0.first == "Ip:" }
            if let column = rows.first?.firstIndex(of: "FragCreates") { count += Int(rows[1][column]) ?? 0 }
            count += lines.first { $0.first == "Ip6FragCreates" }.flatMap { Int($0[1]) } ?? 0
        }
        return count
    }
}

/// A shell command that failed.
package struct CommandFailure: Error, CustomStringConvertible {
    package let description: String
}

extension Lab {
    /// Runs a shell command in a namespace; returns what it says.
    ///
    /// - Throws: ``CommandFailure`` with its words, if its exit status is not 0.
    @discardableResult
    package static func command(_ command: String, in namespace: NetworkNamespace) throws -> String {
        let (status, text) = try namespace.run { () -> (CInt, String) in
            guard let pipe = unsafe popen("exec 2>&1; \(command)", "re") else { return (-1, "popen failed") }
            var (buffer, text) = ([UInt8](repeating: 0, count: 4096), [UInt8]())
            while true {
                let count = unsafe fread(&buffer, 1, buffer.count, pipe)
                guard count > 0 else { break }
                text += buffer[..<count]
            }
            return unsafe (pclose(pipe), String(decoding: text, as: UTF8.self))
        }
        guard status == 0 else { throw CommandFailure(description: "\(command): \(text)") }
        return text
    }
}
