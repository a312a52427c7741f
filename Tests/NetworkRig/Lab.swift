internal import Glibc
package import LinuxIO
package import PodNetwork

/// Whether the tests that need namespaces can run; if not they are skipped, and say so.
package let canMakeNamespaces = NetworkCapabilities.ofThisProcess().missing.isEmpty

/// A node, a VM and another host of the cluster, each a namespace on this machine:
///
///     client eth0 ──┐
///     pod eth0 ─────┴ cni0 (bridge)   node   under0 ──── eth0   VM
///     10.244.1.x/24    10.244.1.1           10.0.0.1     10.0.0.2
///
/// All of it is gone with the last reference.
package final class Lab: Sendable {
    package static let port = 4789
    package let node: NetworkNamespace
    package let vm: NetworkNamespace
    package let client: NetworkNamespace
    package let nodeNetworks: PodNetworkExecutor
    package let vmNetworks: PodNetworkExecutor

    package init(nodeFaults: NetlinkFaults = .none, vmFaults: NetlinkFaults = .none, underlayMTU: Int = 1500) throws {
        node = try .make(named: "node")
        vm = try .make(named: "vm")
        client = try .make(named: "client")
        nodeNetworks = PodNetworkExecutor(in: node, faults: nodeFaults)
        vmNetworks = PodNetworkExecutor(in: vm, faults: vmFaults)
        let (inNode, inVM) = (try Self.socket(node), try Self.socket(vm))
        try Self.up("lo", inNode)
        try Self.up("lo", inVM)
        try inNode.createVethPair("under0", "eth0", in: vm)
        try Self.up("under0", inNode, ["10.0.0.1/24", "fd00:1::1/64"], mtu: underlayMTU)
        let eth0 = try Self.up("eth0", inVM, ["10.0.0.2/24", "fd00:1::2/64"], mtu: underlayMTU)
        try inVM.add(PodRoute(to: .allVersion4, through: try address("10.0.0.1")), over: eth0)
        try inNode.createBridge("cni0")
        try Self.up("cni0", inNode, ["10.244.1.1/24", "fd00:244::1/64"])
        try plug(client, "client0", ["10.244.1.2/24", "fd00:244::2/64"])
    }

    package static func socket(_ namespace: NetworkNamespace) throws -> NetlinkSocket {
        try NetlinkSocket.open(in: namespace, "\(namespace)")
    }

    @discardableResult
    package static func up(
        _ name: String, _ socket: NetlinkSocket, _ addresses: [String] = [], mtu: Int? = nil
    ) throws -> Link {
        let link = try socket.made(name)
        if let mtu { try socket.setMTU(mtu, of: link) }
        for address in addresses { try socket.add(try prefix(address), to: link, hasNetworkRoute: true) }
        try socket.bringUp(link)
        return link
    }

    /// Connects a namespace to the bridge, by an `eth0` of its own.
    @discardableResult
    package func plug(
        _ namespace: NetworkNamespace, _ port: String, _ addresses: [String], gateways: [String] = [], mtu: Int = 1500
    ) throws -> Link {
        let (inNode, inside) = (try Self.socket(node), try Self.socket(namespace))
        try inNode.createVethPair(port, "eth0", in: namespace)
        let end = try inNode.made(port)
        try inNode.setMaster(try inNode.made("cni0"), of: end)
        try inNode.setMTU(mtu, of: end)
        try inNode.bringUp(end)
        try Self.up("lo", inside)
        let eth0 = try Self.up("eth0", inside, addresses, mtu: mtu)
        for gateway in gateways {
            let address = try NetworkRig.address(gateway)
            try inside.add(PodRoute(to: address.isVersion6 ? .allVersion6 : .allVersion4, through: address), over: eth0)
        }
        return eth0
    }

    /// A pod's namespace, as the CNI plugin bridge would make it.
    package func makePod(_ number: Int = 5, isDual: Bool = false, mtu: Int = 1500) throws -> NetworkNamespace {
        let pod = try NetworkNamespace.make(named: "pod \(number)")
        let (high, low) = (1 + number / 200, number % 200 + 5)
        try plug(
            pod, "pod\(number)",
            ["10.244.\(high).\(low)/24"] + (isDual ? ["fd00:244::\(String(number, radix: 16))/64"] : []),
            gateways: ["10.244.1.1"] + (isDual ? ["fd00:244::1"] : []), mtu: mtu)
        return pod
    }

    /// Runs a command in a namespace; its exit status is 0 if it is content.
    package static func succeeds(_ command: String, in namespace: NetworkNamespace) throws -> Bool {
        try namespace.run { unsafe system("\(command) >/dev/null 2>&1") } == 0
    }

    package static func pings(_ address: String, from namespace: NetworkNamespace, _ options: String = "") throws
        -> Bool
    {
        try succeeds("ping -n -c 3 -i 0.05 -W 1 \(options) \(address)", in: namespace)
    }
}

extension NetworkNamespace {
    /// A path that leads to it, as long as it is held.
    package var path: String { "/proc/self/fd/\(rawDescriptor)" }
}

extension NodeNetworkPlan {
    /// A plan for a pod whose Ethernet address and address are those of no pod in a ``Lab``.
    package init(_ tunnel: Tunnel, podInterface: String = "eth0", mtu: Int = 1450) throws {
        self.init(
            podInterface: podInterface, hardwareAddress: try ethernet("02:00:00:00:00:63"),
            addresses: [try address("10.244.1.99")], tunnel: tunnel, mtu: mtu)
    }
}

/// A text that a test believes to be right, and is not.
package struct NotParsed: Error {
    let text: String
}

package func address(_ text: String) throws -> NetAddress {
    guard let address = NetAddress(text) else { throw NotParsed(text: text) }
    return address
}

package func prefix(_ text: String) throws -> NetPrefix {
    guard let prefix = NetPrefix(text) else { throw NotParsed(text: text) }
    return prefix
}

package func ethernet(_ text: String) throws -> LinkAddress {
    guard let address = LinkAddress(text) else { throw NotParsed(text: text) }
    return address
}
