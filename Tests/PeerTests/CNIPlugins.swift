import Glibc
import JSON
import LinuxIO
import NetworkRig
import PodNetwork
import TestSupport
import Testing

/// One of the CNI project's own plugins, run as containerd does: the network's configuration on standard input, the
/// rest in the environment, in the node's namespace.
struct CNIPlugin: Sendable {
    /// Why a test that needs them cannot run here.
    static let need: Comment = "needs Debian's containernetworking-plugins (scripts/setup test)"

    private static let directory = "/usr/lib/cni"
    static let areInstalled = ["bridge", "ptp", "macvlan", "host-local", "static"].allSatisfy {
        Files.isExecutable("\(directory)/\($0)")
    }

    let name: String
    /// The configuration's members other than `cniVersion`, `name` and `type`, as JSON.
    let configuration: String
    let node: NetworkNamespace
    let pod: NetworkNamespace
    /// What host-local remembers, as `@store` in the configuration.
    private let store: TemporaryDirectory

    init(_ name: String, _ configuration: String, pod: NetworkNamespace, on node: NetworkNamespace) throws {
        self.name = name
        self.configuration = configuration
        self.pod = pod
        self.node = node
        store = try TemporaryDirectory()
    }

    /// Attaches the pod; returns its addresses.
    func add() throws -> [String] {
        let result = try JSONNode(JSONValue(parsing: Array(try run("ADD").utf8)))
        return try result.objects("ips").map { ip in
            String(try ip.string("address").prefix { $0 != "/" })
        }
    }

    /// Detaches it.
    func delete() throws { _ = try run("DEL") }

    /// The addresses that host-local has given out.
    func reserved() throws -> [String] {
        let directory = store.path + "/pods"
        return Files.exists(directory) ? try Files.list(directory).filter { $0.first?.isNumber == true } : []
    }

    private func run(_ command: String) throws -> String {
        let members = configuration.replacing("@store", with: store.path)
        let text = #"{"cniVersion": "1.0.0", "name": "pods", "type": "\#(name)", \#(members)}"#
        let file = try store.write(text, to: "network.json")
        return try Lab.command(
            """
            CNI_COMMAND=\(command) CNI_CONTAINERID=pod1 CNI_IFNAME=eth0 CNI_PATH=\(Self.directory) \
            CNI_NETNS=/proc/\(getpid())/fd/\(pod.rawDescriptor) \(Self.directory)/\(name) < \(file)
            """, in: node)
    }
}

extension CNIShape {
    /// What those plugins make, with either way to choose addresses.
    static let plugins = [
        bridged("host-local", local("10.77.0.0/24")),
        bridged("host-local, dual-stack", local("10.77.0.0/24", "fd00:77::/64")),
        bridged("static", fixed("10.77.0.9/24", "10.77.0.1")),
        pointToPoint("host-local, dual-stack", local("10.78.0.0/24", "fd00:78::/64")),
        pointToPoint("static, MTU 1400", fixed("10.78.0.9/24", "10.78.0.1"), mtu: 1400),
        macvlan("host-local", local("192.168.7.0/24", from: "192.168.7.50")),
        macvlan("static", fixed("192.168.7.9/24", "192.168.7.1")),
    ]

    private static func local(_ subnets: String..., from first: String? = nil) -> String {
        let start = first.map { #", "rangeStart": "\#($0)""# } ?? ""
        let ranges = subnets.map { #"[{"subnet": "\#($0)"\#(start)}]"# }.joined(separator: ", ")
        let routes = subnets.map { #"{"dst": "\#($0.contains(":") ? "::/0" : "0.0.0.0/0")"}"# }.joined(separator: ", ")
        return #"{"type": "host-local", "dataDir": "@store", "ranges": [\#(ranges)], "routes": [\#(routes)]}"#
    }

    private static func fixed(_ address: String, _ gateway: String) -> String {
        """
        {"type": "static", "addresses": [{"address": "\(address)", "gateway": "\(gateway)"}],
         "routes": [{"dst": "0.0.0.0/0"}]}
        """
    }

    private static func bridged(_ name: String, _ ipam: String) -> CNIShape {
        CNIShape(name: "bridge with \(name)") { cluster in
            let site = try site(cluster, "bridge", #""bridge": "cni9", "isGateway": true, "ipam": \#(ipam)"#)
            let remove = site.remove
            var whole = site
            whole.remove = {
                try remove()
                // The plugin keeps its bridge for the next pod.
                let socket = try Lab.socket(cluster.node)
                try socket.delete(try socket.made("cni9"))
            }
            return whole
        }
    }

    private static func pointToPoint(_ name: String, _ ipam: String, mtu: Int = 1500) -> CNIShape {
        CNIShape(name: "ptp with \(name)") { cluster in
            var site = try site(cluster, "ptp", #""mtu": \#(mtu), "ipam": \#(ipam)"#)
            site.mtu = min(mtu, 1450)
            return site
        }
    }

    /// The pod is on the network that the node's interface is on; what it says does not pass the node's own routing.
    private static func macvlan(_ name: String, _ ipam: String) -> CNIShape {
        CNIShape(name: "macvlan with \(name)") { cluster in
            let (inNode, outside) = (try Lab.socket(cluster.node), try Lab.socket(cluster.outside))
            try inNode.createVethPair("lan0", "eth1", in: cluster.outside)
            try Lab.up("lan0", inNode)
            try Lab.up("eth1", outside, ["192.168.7.1/24"])
            var site = try site(cluster, "macvlan", #""master": "lan0", "mode": "bridge", "ipam": \#(ipam)"#)
            site.host = ["192.168.7.1"]
            site.device = "lan0"
            let remove = site.remove
            site.remove = {
                try remove()
                let socket = try Lab.socket(cluster.node)
                try socket.delete(try socket.made("lan0"))
            }
            return site
        }
    }

    private static func site(_ cluster: Cluster, _ name: String, _ configuration: String) throws -> Site {
        let pod = try NetworkNamespace.make(named: "pod")
        let plugin = try CNIPlugin(name, configuration, pod: pod, on: cluster.node)
        return Site(pod: pod, addresses: try plugin.add()) {
            try plugin.delete()
            #expect(try plugin.reserved() == [])
        }
    }
}
