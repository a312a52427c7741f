import JSON
import LinuxIO
import NetworkRig
import PodNetwork
import PodVMBoot
import TestSupport
import Testing

/// What Go's guest does with our boot document, done by hand with `ip`: in its order, with nothing that it does not know.
@Suite(
    "A Go guest with our node", .serialized, .enabled(if: GoPeer.isAvailable, GoPeer.need),
    .enabled(if: canMakeNamespaces, "needs CAP_NET_ADMIN and CAP_SYS_ADMIN"))
struct GoGuestTests {
    /// The pods' networks that are tried.
    enum Shape: String, CaseIterable, Sendable {
        case bridge
        case dualStack
        case calico
        case twoDefaultRoutes

        /// A pod's namespace of that shape, whose address ends in 10.
        func make(_ lab: Lab) throws -> NetworkNamespace {
            guard self == .calico else {
                let pod = try lab.makePod(5, isDual: self == .dualStack)
                if self == .twoDefaultRoutes {
                    try Lab.command("ip route add default via 10.244.1.254 metric 100", in: pod)
                }
                return pod
            }
            let pod = try NetworkNamespace.make(named: "pod")
            try lab.plug(pod, "cali0", ["10.244.1.10/32"])
            let hardware = try #require(try Lab.socket(lab.node).made("cni0").hardwareAddress)
            try Lab.command(
                "ip route add 169.254.1.1 dev eth0 scope link && ip route add default via 169.254.1.1 dev eth0 && "
                    + "ip neigh replace 169.254.1.1 lladdr \(hardware) dev eth0 nud permanent", in: pod)
            try Lab.command("sysctl -qw net.ipv4.ip_forward=1", in: lab.node)
            return pod
        }
    }

    @Test("configures the pod's network, for every kind of network", arguments: Shape.allCases)
    func getAlong(shape: Shape) async throws {
        let peer = try GoPeer()
        try await onLoop { loop in
            let lab = try Lab()
            let pod = try shape.make(lab)
            let interface = try await lab.nodeNetworks.inspect(pod.path)
            let underlay = try await lab.nodeNetworks.underlay(named: "under0", toward: try address("10.0.0.2"))
            let plan = try GuestNetworkPlan(for: interface, over: underlay, identifier: 555_000, port: Lab.port)
            var document = BootDocument(podName: "nginx", podNamespace: "default")
            document.podNetwork = PodNetworkDescription(
                plan, node: try prefix("10.0.0.1/24"), index: 0, isDedicated: false)
            try await lab.nodeNetworks.setUp(
                NodeNetworkPlan(
                    for: interface, over: underlay, identifier: 555_000, port: Lab.port, vm: try address("10.0.0.2")),
                in: pod.path)
            let read = try await peer.run(["apf", "-strict=false"], input: document.encoded, on: loop)
            #expect(read.status == .exited(0), "\(read.errorText)")
            let podns = try NetworkNamespace.make(named: "podns")
            let network = try #require(try JSONValue(parsing: read.output)["pod-network"])
            try Self.setUp(network, vm: lab.vm, podns)
            #expect(try Lab.pings("10.244.1.10", from: lab.client), "\(shape)")
            #expect(try Lab.pings("10.244.1.2", from: podns), "\(shape)")
        }
    }

    private static func setUp(_ network: JSONValue, vm: NetworkNamespace, _ podns: NetworkNamespace) throws {
        func text(_ key: String, of value: JSONValue) -> String { value[key]?.stringValue ?? "" }
        func number(_ key: String) -> Int64 { network[key]?.integerValue ?? 0 }
        let name = text("interface", of: network)
        let node = text("worker-node-ip", of: network).prefix { $0 != "/" }
        try Lab.command(
            "ip link add vxlan0 type vxlan id \(number("vxlan-id")) remote \(node) dstport \(number("vxlan-port")) && "
                + "ip link set vxlan0 netns /proc/\(ProcessTree.current)/fd/\(podns.rawDescriptor)", in: vm)
        let podAddress = try prefix(text("podip", of: network))
        try Lab.command(
            "ip link set lo up && ip link set vxlan0 name \(name) && "
                + "ip link set \(name) address \(text("pod-hw-addr", of: network)) mtu \(min(number("mtu"), 1450)) && "
                + "ip addr add \(podAddress) dev \(name) && ip link set \(name) up", in: podns)
        if podAddress.length < 32 { try Lab.command("ip route del \(podAddress.network) dev \(name)", in: podns) }
        let routes = network["routes"]?.arrayValue ?? []
        for isThroughGateway in [false, true] {
            for route in routes where text("gw", of: route).isEmpty != isThroughGateway {
                let way = isThroughGateway ? "via \(text("gw", of: route))" : "scope link"
                try Lab.command(
                    "ip route add \(text("dst", of: route)) \(way) dev \(text("dev", of: route))", in: podns)
            }
        }
        for neighbor in network["neighbors"]?.arrayValue ?? [] {
            try Lab.command(
                "ip neigh add \(text("ip", of: neighbor)) lladdr \(text("hw-addr", of: neighbor)) "
                    + "dev \(text("dev", of: neighbor)) nud \(text("state", of: neighbor))", in: podns)
        }
    }
}
