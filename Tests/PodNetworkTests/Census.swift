import LinuxIO
import NetworkRig

@testable import PodNetwork

/// Everything in a namespace that a run could leave behind; without what IPv6 makes of itself, a moment later.
struct Census: Equatable {
    var links: [String]
    var rules: [String]
    var routes: Set<LinkRoute>
    var addresses: Set<NetPrefix>
    var neighbors: Set<PodNeighbor>

    init(_ namespace: NetworkNamespace) throws {
        let socket = try Lab.socket(namespace)
        let found = try socket.links()
        links = found.map { "\($0.name) \($0.kind) \($0.mtu)" }.sorted()
        rules = try found.map { "\($0.name): \(try socket.incomingRule(of: $0))" }.sorted()
        routes = Set(try socket.routes().filter { !$0.route.destination.address.isLinkLocal })
        addresses = Set(try found.flatMap { try socket.addresses(of: $0) }.filter { !$0.address.isLinkLocal })
        neighbors = Set(try found.flatMap { try socket.permanentNeighbors(on: $0) }.filter { !$0.address.isMulticast })
    }

    /// How many network namespaces the kernel has; those that die take a moment to be gone.
    static var namespaces: Int {
        // Every namespace has a slab object, which /proc/slabinfo counts.
        let text =
            (try? DurableFile.read("/proc/slabinfo", limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("net_namespace ") }
        return line.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
    }
}
