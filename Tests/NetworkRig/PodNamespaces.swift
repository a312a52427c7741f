internal import LinuxIO
internal import PodNetwork

/// Pods' network namespaces on this machine as a container runtime and its CNI make them: each has a path, and an `eth0`
/// on a bridge of ours.
///
/// They, the bridge and the paths are gone after ``removeAll()``.
public final class PodNamespaces: Sendable {
    private static let directory = "/run/netns"
    private let host: NetworkNamespace
    private let network: LocalNetwork
    private let subnet: NetPrefix
    private let names = Lock<[String]>([])

    /// Makes the bridge; `name` begins all names, at most ten bytes.
    public init(named name: String) throws {
        host = try .ofThisProcess()
        subnet = try LocalNetwork.freeNetwork(in: try prefix("198.19.0.0/16"), length: 20, seed: name, host: host)
        let gateway = try Self.address(1, in: subnet)
        network = LocalNetwork(bridge: name, gateway: gateway, in: host)
        try network.make()
    }

    /// Makes the namespace of pod `number` (0 to 4000); returns its path.
    public func make(_ number: Int) throws -> String {
        let port = "\(network.bridge)\(number)"
        let path = "\(Self.directory)/\(port)"
        names.withLock { $0.append(port) }
        let pod = try NetworkNamespace.make(named: port)
        try network.plug(pod, port: port, addresses: [try Self.address(number + 2, in: subnet)])
        try pod.mount(at: path)
        return path
    }

    /// Removes the namespaces as a CNI and a runtime do once their pods are gone.
    public func removePods() throws {
        for name in names.withLock({ names in
            defer { names = [] }
            return names
        }) {
            try network.unplug(port: name)
            try NetworkNamespace.unmount("\(Self.directory)/\(name)")
        }
    }

    /// Removes the bridge as well.
    public func removeAll() throws {
        try removePods()
        try network.remove()
    }

    private static func address(_ number: Int, in subnet: NetPrefix) throws -> NetPrefix {
        var bytes = subnet.address.bytes
        bytes[2] |= UInt8(number >> 8)
        bytes[3] = UInt8(number & 0xFF)
        return try prefix("\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])/\(subnet.length)")
    }
}
