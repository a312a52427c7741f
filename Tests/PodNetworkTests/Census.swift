import Glibc
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
    var prohibitions: Set<NetPrefix>
    var policies: Set<InboundPolicy>

    init(_ namespace: NetworkNamespace) throws {
        let socket = try Lab.socket(namespace)
        let found = try socket.links()
        links = found.map { "\($0.name) \($0.kind) \($0.mtu)" }.sorted()
        rules = try found.map {
            "\($0.name): \(try socket.incomingRule(of: $0)) \(try socket.outgoingProgram(of: $0) ?? [])"
        }.sorted()
        routes = Set(try socket.routes().filter { !$0.route.destination.address.isLinkLocal })
        prohibitions = Set(try socket.prohibitions())
        policies = try NetlinkSocket.open(in: namespace, "\(namespace)", to: .policies).inboundPolicies()
        addresses = Set(try found.flatMap { try socket.addresses(of: $0) }.filter { !$0.address.isLinkLocal })
        neighbors = Set(try found.flatMap { try socket.permanentNeighbors(on: $0) }.filter { !$0.address.isMulticast })
    }

    /// How many network namespaces the kernel has.
    ///
    /// Those that die take a moment to be gone, and newer kernels free their memory only once the next one dies.
    static var namespaces: Int {
        // Every namespace has a slab object, which /proc/slabinfo counts.
        let text =
            (try? DurableFile.read("/proc/slabinfo", limit: 1 << 20)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("net_namespace ") }
        return line.flatMap { Int($0.split(separator: " ")[1]) } ?? -1
    }

    /// How many descriptors this process has of namespaces and of netlink; other tests open others meanwhile.
    static var descriptors: Int {
        let numbers = ((try? Files.list("/proc/self/fd")) ?? []).compactMap { CInt($0) }
        return numbers.count { number in
            var (family, size) = (CInt(0), socklen_t(MemoryLayout<CInt>.size))
            let isSocket = unsafe getsockopt(number, SOL_SOCKET, SO_DOMAIN, &family, &size) == 0
            if isSocket { return family == AF_NETLINK }
            return (try? NetworkNamespace(opening: "/proc/self/fd/\(number)")) != nil
        }
    }
}
