import LinuxIO
import NetworkRig
import PodNetwork
import Testing

/// One way in which a CNI attaches pods to a node.
struct CNIShape: Sendable, CustomTestStringConvertible {
    /// A pod that is attached so, and what the cluster looks like from there.
    struct Site: Sendable {
        let pod: NetworkNamespace
        /// The pod's addresses, at most one of each family, IPv4 first.
        var addresses: [String]
        /// A host to talk with, by the same families.
        var host = ["10.8.0.2", "fd00:8::2"]
        /// What the pod's interface in the VM has to carry, in bytes.
        var mtu = 1450
        /// Where the node hears what the pod says: nil is where it forwards, else at this interface.
        var device: String?
        /// Removes the pod as the CNI would.
        var remove: @Sendable () throws -> Void
    }

    let name: String
    let make: @Sendable (Cluster) throws -> Site

    var testDescription: String { name }
}

/// The interfaces, routes and neighbours that CNIs leave behind whose programs are not here, made by hand.
extension CNIShape {
    static let byHand = [calico, azure, ovnKubernetes, cilium, dualStack]

    /// A veth pair between the pod and the node for this pod alone, and a gateway address that no host has.
    private static func cable(
        _ cluster: Cluster, named name: String, hardwareAddress: String? = nil, mtu: Int = 1500
    ) throws -> (pod: NetworkNamespace, outside: Link, inside: Link) {
        let pod = try NetworkNamespace.make(named: "pod")
        let (inNode, inPod) = (try Lab.socket(cluster.node), try Lab.socket(pod))
        try inNode.createVethPair(name, "eth0", in: pod)
        if let hardwareAddress { try inNode.setAddress(try ethernet(hardwareAddress), of: try inNode.made(name)) }
        let outside = try Lab.up(name, inNode, mtu: mtu)
        try Lab.up("lo", inPod)
        let inside = try Lab.up("eth0", inPod, mtu: mtu)
        return (pod, outside, inside)
    }

    private static func remover(_ cluster: Cluster, _ link: Link) -> @Sendable () throws -> Void {
        { try Lab.socket(cluster.node).delete(link) }
    }

    /// projectcalico.org: /32 addresses; the gateway 169.254.1.1 is on the link, and its neighbour entry permanent; in
    /// IPv6 the gateway is the link-local address of the cable's other end, which has the same Ethernet address on all.
    static let calico = CNIShape(name: "Calico, by hand") { cluster in
        let (pod, outside, inside) = try cable(cluster, named: "cali1", hardwareAddress: "ee:ee:ee:ee:ee:ee")
        try Lab.command(
            """
            cd /proc/sys/net/ipv4; echo 1 > conf/cali1/proxy_arp; echo 0 > neigh/cali1/proxy_delay
            ip route add 10.10.7.7/32 dev cali1; ip -6 route add fd00:10::7/128 dev cali1
            """, in: cluster.node)
        let inPod = try Lab.socket(pod)
        let (gateway, gateway6) = (try address("169.254.1.1"), try address("fe80::ecee:eeff:feee:eeee"))
        let hardwareAddress = try ethernet("ee:ee:ee:ee:ee:ee")
        for one in ["10.10.7.7/32", "fd00:10::7/128"] { try inPod.add(try prefix(one), to: inside) }
        try inPod.add(PodRoute(to: NetPrefix(only: gateway), origin: .boot), over: inside)
        for (everywhere, router) in [(NetPrefix.allVersion4, gateway), (.allVersion6, gateway6)] {
            try inPod.add(PodRoute(to: everywhere, through: router, origin: .boot), over: inside)
            try inPod.add(PodNeighbor(router, is: hardwareAddress), on: inside)
        }
        return Site(pod: pod, addresses: ["10.10.7.7", "fd00:10::7"], remove: remover(cluster, outside))
    }

    /// Azure CNI in its transparent mode: addresses of the VNet's subnet, without the kernel's route to it; the gateway
    /// 169.254.1.1 with a neighbour entry that is not permanent, so that the pod has to ask; IPv6's is permanent.
    static let azure = CNIShape(name: "Azure CNI, by hand") { cluster in
        let (pod, outside, inside) = try cable(cluster, named: "azv1", hardwareAddress: "aa:aa:aa:aa:aa:aa")
        try Lab.command(
            """
            echo 1 > /proc/sys/net/ipv4/conf/azv1/proxy_arp
            ip route add 10.240.0.7/32 dev azv1; ip -6 route add fd00:240::7/128 dev azv1
            """, in: cluster.node)
        try Lab.command(
            """
            ip address add 10.240.0.7/16 dev eth0 && ip route del 10.240.0.0/16 dev eth0
            ip route add 169.254.1.1/32 dev eth0 && ip route add default via 169.254.1.1 dev eth0
            ip neighbour add 169.254.1.1 lladdr aa:aa:aa:aa:aa:aa nud probe dev eth0
            ip address add fd00:240::7/64 dev eth0 nodad && ip -6 route del fd00:240::/64 dev eth0
            ip -6 route add fe80::1234:5678:9abc/128 dev eth0
            ip -6 route add default via fe80::1234:5678:9abc dev eth0
            ip neighbour add fe80::1234:5678:9abc lladdr aa:aa:aa:aa:aa:aa nud permanent dev eth0
            """, in: pod)
        _ = inside
        return Site(pod: pod, addresses: ["10.240.0.7", "fd00:240::7"], remove: remover(cluster, outside))
    }

    /// OVN-Kubernetes: the Ethernet address says the IP address, the MTU leaves room for Geneve, and there are routes
    /// to the cluster's networks, services and the join network through the same gateway as to everything else.
    static let ovnKubernetes = CNIShape(name: "OVN-Kubernetes, by hand") { cluster in
        let (pod, outside, inside) = try cable(cluster, named: "ovn1", hardwareAddress: "0a:58:0a:80:02:01", mtu: 1400)
        let (inNode, inPod) = (try Lab.socket(cluster.node), try Lab.socket(pod))
        try inNode.add(try prefix("10.128.2.1/23"), to: outside, hasNetworkRoute: true)
        try inPod.setAddress(try ethernet("0a:58:0a:80:02:07"), of: inside)
        try inPod.add(try prefix("10.128.2.7/23"), to: inside, hasNetworkRoute: true)
        for network in ["0.0.0.0/0", "10.128.0.0/14", "10.96.0.0/16", "100.64.0.0/16", "169.254.0.5/32"] {
            try inPod.add(PodRoute(to: try prefix(network), through: try address("10.128.2.1")), over: inside)
        }
        return Site(pod: pod, addresses: ["10.128.2.7"], mtu: 1400, remove: remover(cluster, outside))
    }

    /// Cilium: /32 and /128, the node's own address as a gateway on the link, and an MTU on the route.
    static let cilium = CNIShape(name: "Cilium, by hand") { cluster in
        let (pod, outside, inside) = try cable(cluster, named: "lxc1")
        // In Cilium a program on the cable's end answers for the gateway.
        try Lab.command(
            """
            ip address add 10.0.1.142/32 dev lxc1 && ip route add 10.0.1.7/32 dev lxc1
            ip address add fd00:11::142/128 dev lxc1 nodad && ip -6 route add fd00:11::7/128 dev lxc1
            """, in: cluster.node)
        try Lab.command(
            """
            ip address add 10.0.1.7/32 dev eth0 && ip address add fd00:11::7/128 dev eth0 nodad
            ip route add 10.0.1.142 dev eth0 && ip route add default via 10.0.1.142 dev eth0 mtu 1430
            ip -6 route add fd00:11::142 dev eth0 && ip -6 route add default via fd00:11::142 dev eth0 mtu 1430
            """, in: pod)
        _ = inside
        return Site(pod: pod, addresses: ["10.0.1.7", "fd00:11::7"], mtu: 1430, remove: remover(cluster, outside))
    }

    /// IPv4 and IPv6 side by side, /24 and /64, each with its gateway at the cable's other end.
    static let dualStack = CNIShape(name: "dual-stack, by hand") { cluster in
        let (pod, outside, inside) = try cable(cluster, named: "dual1")
        let (inNode, inPod) = (try Lab.socket(cluster.node), try Lab.socket(pod))
        for one in ["10.12.0.1/24", "fd00:12::1/64"] {
            try inNode.add(try prefix(one), to: outside, hasNetworkRoute: true)
        }
        for one in ["10.12.0.7/24", "fd00:12::7/64"] {
            try inPod.add(try prefix(one), to: inside, hasNetworkRoute: true)
        }
        for (everywhere, router) in [(NetPrefix.allVersion4, "10.12.0.1"), (.allVersion6, "fd00:12::1")] {
            try inPod.add(PodRoute(to: everywhere, through: try address(router)), over: inside)
        }
        return Site(pod: pod, addresses: ["10.12.0.7", "fd00:12::7"], remove: remover(cluster, outside))
    }
}
