internal import Encoding
package import LinuxIO

/// A bridge of this host that connects other hosts. Each host is a network namespace.
///
///     namespace eth0 ─── port ──┐
///     namespace eth0 ─── port ──┴── bridge, with the gateway's address
///
/// Each call is idempotent, and blocks for about a millisecond while the kernel works.
package struct LocalNetwork: Sendable {
    /// The bridge's name.
    package let bridge: String
    /// The bridge's own addresses, which are the gateways of the hosts on it.
    package let gateways: [NetPrefix]
    /// The MTU, in bytes.
    package let mtu: Int
    private let host: NetworkNamespace
    private let faults: NetlinkFaults

    private static let advice = "Remove it, or choose another name."

    /// A network of `host`. The network need not exist yet. `further` contains the gateways of other IP families.
    package init(
        bridge: String, gateway: NetPrefix, further: [NetPrefix] = [], mtu: Int = 1500, in host: NetworkNamespace,
        faults: NetlinkFaults = .none
    ) {
        self.bridge = bridge
        gateways = [gateway] + further
        self.mtu = mtu
        self.host = host
        self.faults = faults
    }

    /// Makes the bridge. If it fails, a bridge that did not exist before is removed.
    ///
    /// - Throws: ``PodNetworkError`` (`taken` if an interface of another kind has the name).
    package func make() throws(PodNetworkError) {
        try PlanCheck.interface(bridge)
        let socket = try hostSocket()
        var rollback = Rollback()
        do throws(PodNetworkError) {
            if try link(socket) == nil {
                rollback.add(bridge) { () throws(PodNetworkError) in
                    if let made = try socket.link(named: bridge) { try socket.delete(made) }
                }
                try socket.createBridge(bridge)
            }
            let made = try socket.made(bridge)
            // A bridge without an Ethernet address of its own uses the lowest of its ports' addresses. The gateway's
            // address would change with each port, and hosts would use the old address for some time.
            if let own = Self.hardwareAddress(of: bridge), made.hardwareAddress != own {
                try socket.setAddress(own, of: made)
            }
            if made.mtu != mtu { try socket.setMTU(mtu, of: made) }
            let there = try socket.addresses(of: made)
            for gateway in gateways where !there.contains(gateway) {
                try socket.add(gateway, to: made, hasNetworkRoute: true)
            }
            if !made.isUp { try socket.bringUp(made) }
        } catch {
            throw rollback.run(after: error)
        }
    }

    /// Removes the bridge, if it exists. Its ports stay, without a connection.
    ///
    /// - Throws: ``PodNetworkError`` (`taken` if an interface of another kind has the name).
    package func remove() throws(PodNetworkError) {
        let socket = try hostSocket()
        if let made = try link(socket) { try socket.delete(made) }
    }

    /// The names of the bridge's ports, in no order; none if there is no bridge.
    package func ports() throws(PodNetworkError) -> [String] {
        let socket = try hostSocket()
        guard let made = try link(socket) else { return [] }
        return try socket.links().filter { $0.master == made.index }.map(\.name)
    }

    /// Connects `namespace`: an interface there with these addresses, its loopback, and the default routes of their families.
    ///
    /// The interface has `hardwareAddress` before it is up; with nil the kernel chooses an address. Another veth
    /// interface with the name of `port` is removed first. If the call fails, its changes are rolled back.
    /// - Returns: the interface's Ethernet address.
    /// - Throws: ``PodNetworkError`` (`noPrimaryInterface` without the bridge).
    @discardableResult
    package func plug(
        _ namespace: NetworkNamespace, port: String, interface: String = "eth0", hardwareAddress: LinkAddress? = nil,
        addresses: [NetPrefix]
    ) throws(PodNetworkError) -> LinkAddress {
        try PlanCheck.interface(port)
        try PlanCheck.interface(interface)
        let (outside, inside) = (
            try hostSocket(), try NetlinkSocket.open(in: namespace, "\(namespace)", faults: faults)
        )
        guard let bridgeLink = try link(outside) else {
            throw PodNetworkError(
                .noPrimaryInterface, "The bridge \(bridge)", "it does not exist",
                "Make the bridge before plugging in a host."
            )
        }
        var rollback = Rollback()
        do throws(PodNetworkError) {
            let (port, own) = try vethPair(port, interface, outside, inside, namespace, &rollback)
            if port.mtu != mtu { try outside.setMTU(mtu, of: port) }
            if port.master != bridgeLink.index { try outside.setMaster(bridgeLink, of: port) }
            if !port.isUp { try outside.bringUp(port) }
            if own.mtu != mtu { try inside.setMTU(mtu, of: own) }
            if let hardwareAddress, own.hardwareAddress != hardwareAddress {
                try inside.setAddress(hardwareAddress, of: own)
            }
            let there = try inside.addresses(of: own)
            for prefix in addresses where !there.contains(prefix) {
                try inside.add(prefix, to: own, hasNetworkRoute: true)
            }
            if let loopback = try inside.link(named: "lo"), !loopback.isUp { try inside.bringUp(loopback) }
            if !own.isUp { try inside.bringUp(own) }
            let routes = try inside.routes().filter { $0.interface == own.index }.map(\.route)
            for gateway in gateways.map(\.address)
            where addresses.contains(where: { $0.address.isVersion6 == gateway.isVersion6 }) {
                let route = PodRoute(to: gateway.isVersion6 ? .allVersion6 : .allVersion4, through: gateway)
                if !routes.contains(route.normalized) { try inside.add(route, over: own) }
            }
            guard let hardwareAddress = hardwareAddress ?? own.hardwareAddress else {
                throw PodNetworkError(
                    .refused, "The interface \(interface)", "it has no Ethernet address", NetworkRemedy.retry)
            }
            return hardwareAddress
        } catch {
            throw rollback.run(after: error)
        }
    }

    /// Removes the veth pair of `port`, if it exists.
    ///
    /// - Throws: ``PodNetworkError`` (`taken` if it is not a veth interface).
    package func unplug(port: String) throws(PodNetworkError) {
        let socket = try hostSocket()
        guard let link = try socket.link(named: port) else { return }
        try refuse(link, unless: "veth")
        try socket.delete(link)
    }

    private func vethPair(
        _ port: String, _ interface: String, _ outside: NetlinkSocket, _ inside: NetlinkSocket,
        _ namespace: NetworkNamespace, _ rollback: inout Rollback
    ) throws(PodNetworkError) -> (Link, Link) {
        if let old = try outside.link(named: port) {
            try refuse(old, unless: "veth")
            if let own = try inside.link(named: interface), own.kind == "veth", own.peer == old.index,
                old.peer == own.index
            {
                return (old, own)
            }
            try outside.delete(old)
        }
        rollback.add(port) { () throws(PodNetworkError) in
            if let made = try outside.link(named: port) { try outside.delete(made) }
        }
        try outside.createVethPair(port, interface, in: namespace)
        return (try outside.made(port), try inside.made(interface))
    }

    private func hostSocket() throws(PodNetworkError) -> NetlinkSocket {
        try NetlinkSocket.open(in: host, "this host's namespace", faults: faults)
    }

    private func link(_ socket: NetlinkSocket) throws(PodNetworkError) -> Link? {
        guard let link = try socket.link(named: bridge) else { return nil }
        try refuse(link, unless: "bridge")
        return link
    }

    private func refuse(_ link: Link, unless kind: String) throws(PodNetworkError) {
        if link.kind == kind { return }
        throw PodNetworkError(
            .taken, "The interface \(link.name) of this host",
            "it exists already and is not a \(kind) interface\(link.kind.isEmpty ? "" : ", but \(link.kind)")",
            Self.advice)
    }

    /// A locally administered address that is the same for the same name.
    private static func hardwareAddress(of name: String) -> LinkAddress? {
        let hash = FNV1a.hash(name.utf8)
        // The second bit of the first byte marks a locally administered address.
        return LinkAddress(bytes: [0x02] + (0..<5).map { UInt8(truncatingIfNeeded: hash >> ($0 * 8)) })
    }
}

extension LocalNetwork {
    /// A network of `length` bits in `pool` that contains no address and no route of `host` except default routes.
    ///
    /// The same seed gets the same network if the network is free, else the next free network. Concurrent callers must
    /// be serialized, because the network stays free until the bridge is made.
    /// - Throws: ``PodNetworkError`` (`exhausted`).
    package static func freeNetwork(
        in pool: NetPrefix, length: Int, seed: String, host: NetworkNamespace
    ) throws(PodNetworkError) -> NetPrefix {
        let socket = try NetlinkSocket.open(in: host, "this host's namespace")
        var taken = try socket.routes().map(\.route.destination).filter { !$0.isEverything }
        for link in try socket.links() { taken += try socket.addresses(of: link) }
        // The search tries at most 2^16 networks.
        let bits = min(length - pool.length, 16)
        if bits >= 0, NetPrefix(pool.address, length: length) != nil {
            let count = UInt64(1) << UInt64(bits)
            let start = FNV1a.hash(seed.utf8) % count
            for step in 0..<count {
                let found = pool.part((start + step) % count, length: length)
                if !taken.contains(where: { $0.overlaps(found) }) { return found }
            }
        }
        throw PodNetworkError(
            .exhausted, "The networks of \(length) bits in \(pool)",
            "this host has an address or a route in each of them",
            "Find unused ones ('ip route', 'ip addr') and remove them.")
    }
}

extension NetPrefix {
    /// The address number `number` in this network, with its prefix length.
    package func host(_ number: UInt64) -> NetPrefix {
        NetPrefix(part(number, length: address.bitCount).address, length: length) ?? self
    }

    /// The network number `number` among the networks with `length` bits in this network.
    fileprivate func part(_ number: UInt64, length: Int) -> NetPrefix {
        var bytes = network.address.bytes
        var rest = number
        for bit in stride(from: length - 1, through: max(self.length, length - 64), by: -1) {
            if rest & 1 == 1 { bytes[bit / 8] |= 0x80 >> UInt8(bit % 8) }
            rest >>= 1
        }
        return NetAddress(bytes: bytes).flatMap { NetPrefix($0, length: length) } ?? self
    }
}
